// What is shown of the service: loaded on sight, kept while one moves between pages, loaded again
// on demand and when the service is back after it was gone.
import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError, asApiError } from '../api/errors'
import { onReturn } from '../api/connection'

const KEPT_MAX = 64
const kept = new Map<string, unknown>()

export function forgetResources (): void { kept.clear() }

function keep (key: string, data: unknown): void {
  kept.delete(key)
  kept.set(key, data)
  const oldest = kept.keys().next().value
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest)
}

export interface Resource<Data> {
  data: Data | undefined // The last that was loaded, also while it is loaded again.
  error: ApiError | undefined
  loading: boolean
  reload: () => Promise<void>
  set: (data: Data) => void
}

interface State<Data> { key: string, data: Data | undefined, error: ApiError | undefined, loading: boolean }

// `key` names what is loaded: another key loads anew. "" loads nothing.
export function useResource<Data> (key: string, load: () => Promise<Data>): Resource<Data> {
  const fresh = (): State<Data> =>
    ({ key, data: kept.get(key) as Data | undefined, error: undefined, loading: key !== '' })
  const [held, setState] = useState<State<Data>>(fresh)
  const state = held.key === key ? held : fresh()
  const loader = useRef(load)
  useEffect(() => { loader.current = load })
  const generation = useRef(0)

  const reload = useCallback(async () => {
    if (key === '') return
    const mine = ++generation.current
    setState(old => ({ ...(old.key === key ? old : { key, data: kept.get(key) as Data | undefined }),
      key, loading: true, error: undefined }))
    try {
      const data = await loader.current()
      if (mine !== generation.current) return
      keep(key, data)
      setState({ key, data, error: undefined, loading: false })
    } catch (problem) {
      if (mine !== generation.current) return
      setState(old => ({ ...old, error: asApiError(problem), loading: false }))
    }
  }, [key])

  useEffect(() => {
    void reload()
    const stop = onReturn(() => { void reload() })
    const counter = generation
    return () => { counter.current++; stop() } // What is still on its way is not for this page any more.
  }, [reload])

  const set = useCallback((data: Data) => {
    generation.current++
    keep(key, data)
    setState({ key, data, error: undefined, loading: false })
  }, [key])

  return { ...state, reload, set }
}
