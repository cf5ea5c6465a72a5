import { useCallback, useEffect, useState } from 'react'
import { I18nProvider, RouterProvider } from 'react-aria-components'
import { whenUnauthenticated } from './api/client'
import { ApiError, asApiError } from './api/errors'
import { onReturn } from './api/connection'
import { navigate, usePlace } from './router'
import { loadOptions, loadSession, SessionContext, signOut, type Session, type SignInOptions } from './session/session'
import { SignInPage } from './session/sign_in_page'
import { Shell } from './shell/shell'
import { Routes } from './routes'
import { Problem } from './ui/states'
import { announce, Toasts } from './ui/toast'

interface Known { options: SignInOptions, session: Session | null }

export function App () {
  return (
    <I18nProvider locale="en-GB">
      <RouterProvider navigate={navigate}>
        <Root />
        <Toasts />
      </RouterProvider>
    </I18nProvider>
  )
}

function useKnown () {
  const [known, setKnown] = useState<Known>()
  const [error, setError] = useState<ApiError>()
  const load = useCallback(async () => {
    try {
      const [options, session] = await Promise.all([loadOptions(), loadSession()])
      setKnown({ options, session })
      setError(undefined)
    } catch (problem) {
      setError(asApiError(problem))
    }
  }, [])
  useEffect(() => { void load() }, [load])
  useEffect(() => error && onReturn(() => { void load() }), [error, load])
  const setSession = useCallback((session: Session | null) => {
    setKnown(old => old && { ...old, session })
  }, [])
  return { known, error, load, setSession }
}

// The session has ended: sign in, and come back to where one was.
function toSignIn (): void {
  if (location.pathname === '/signin') return
  const here = location.pathname + location.search
  navigate(here === '/' ? '/signin' : `/signin?returnto=${encodeURIComponent(here)}`, { replace: true })
}

function Root () {
  const { known, error, load, setSession } = useKnown()
  const { path } = usePlace()
  useEffect(() => {
    whenUnauthenticated(() => { setSession(null); toSignIn() })
  }, [setSession])

  const needsSession = path !== '/signin'
  useEffect(() => {
    if (known && known.session === null && needsSession) toSignIn()
  }, [known, needsSession])

  if (error && !known) {
    return <main className="lonely"><h1>Tenantseal</h1><Problem error={error} retry={() => { void load() }} /></main>
  }
  if (!known) return <main className="lonely" aria-busy="true"><h1 className="visually-hidden">Loading</h1></main>
  const { session, options } = known
  if (session === null || path === '/signin') {
    return <SignInPage options={options} session={session} onSession={setSession} />
  }
  const leave = (): void => {
    signOut().then(next => {
      setSession(null)
      if (next.startsWith('/')) navigate(next)
      else location.assign(next)
    }, (problem: unknown) => { announce(`Signing out failed: ${asApiError(problem).message}`) })
  }
  return (
    <SessionContext value={{ session, options, leave }}>
      <Shell><Routes /></Shell>
    </SessionContext>
  )
}
