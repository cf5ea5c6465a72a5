// One change that is on its way: whether it is, and how it was refused.
import { useState } from 'react'
import { asApiError, type ApiError } from '../api/errors'

export function usePending (): {
  pending: boolean
  error: ApiError | undefined
  run: (call: () => Promise<unknown>, then: () => void) => void
} {
  const [pending, setPending] = useState(false)
  const [error, setError] = useState<ApiError>()
  const run = (call: () => Promise<unknown>, then: () => void): void => {
    if (pending) return
    setPending(true)
    setError(undefined)
    call().then(then, (problem: unknown) => { setError(asApiError(problem)); setPending(false) })
  }
  return { pending, error, run }
}
