import { useEffect, useState } from 'react'
import { KeyRound, LogIn } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import { useReachable } from '../api/connection'
import { navigate, safeReturn, usePlace } from '../router'
import { EmulatedBanner, OfflineBanner } from '../shell/banners'
import { Brand } from '../shell/brand'
import { ThemeSwitch } from '../shell/theme_switch'
import { Button, TextInput } from '../ui/controls'
import { CopyLine } from '../ui/copy'
import { Icon } from '../ui/icon'
import { Note, Problem } from '../ui/states'
import { signIn, type Session, type SignInOptions } from './session'
import { signInErrorText } from './sign_in_errors'

interface SignInProps {
  options: SignInOptions
  session: Session | null
  onSession: (session: Session) => void
}

export function SignInPage ({ options, session, onSession }: SignInProps) {
  const { query } = usePlace()
  const reachable = useReachable()
  const target = safeReturn(query.get('returnto'))
  useEffect(() => { document.title = 'Sign in · Tenantseal' }, [])
  useEffect(() => {
    if (session !== null) navigate(target, { replace: true })
  }, [session, target])

  return (
    <div className="sign-in">
      {!reachable && <OfflineBanner />}
      {options.emulated && <EmulatedBanner page={options.emulatorUrl} />}
      <main className="sign-in-box">
        <Brand />
        <h1>Sign in</h1>
        <Reason query={query} />
        {options.oidc && <OidcButton oidc={options.oidc} target={target} />}
        {options.oidc && options.apiKey && <p className="or"><span>or</span></p>}
        {options.apiKey && <ApiKeyForm onSession={onSession} first={!options.oidc} />}
        {!options.oidc && !options.apiKey && (
          <Note look="warn" title="No way to sign in is configured">An operator must configure a provider or allow API keys.</Note>
        )}
      </main>
      <footer className="sign-in-foot"><span className="faint small">Tenantseal {options.version}</span><ThemeSwitch /></footer>
    </div>
  )
}

function Reason ({ query }: { query: URLSearchParams }) {
  const code = query.get('error')
  const requestId = query.get('requestId') ?? ''
  if (code !== null) {
    return (
      <Note look="bad" alert title="Signing in failed">
        <p>{signInErrorText(code)}</p>
        {/^[\w-]{1,64}$/.test(requestId) && <p className="small">Request <CopyLine text={requestId} what="request id" /></p>}
      </Note>
    )
  }
  if (query.has('returnto')) return <Note>Sign in to go on where you were.</Note>
  return null
}

function OidcButton ({ oidc, target }: { oidc: NonNullable<SignInOptions['oidc']>, target: string }) {
  // A whole navigation: the answer is a redirect to the provider.
  const href = `${oidc.startUrl}?returnto=${encodeURIComponent(target)}`
  return (
    <Button look="primary" onPress={() => { location.assign(href) }}>
      <Icon of={LogIn} />Sign in with {oidc.name}
    </Button>
  )
}

function ApiKeyForm ({ onSession, first }: { onSession: (session: Session) => void, first: boolean }) {
  const [apiKey, setApiKey] = useState('')
  const [pending, setPending] = useState(false)
  const [error, setError] = useState<ApiError>()
  const [missing, setMissing] = useState(false)
  const submit = (): void => {
    const typed = apiKey.trim()
    setMissing(typed === '')
    if (typed === '' || pending) return
    setPending(true)
    setError(undefined)
    signIn(typed).then(onSession, (problem: unknown) => {
      setError(asApiError(problem))
      setPending(false)
    })
  }
  const refused = error?.status === 401
    ? 'This API key is not known, has expired, or was deleted.'
    : undefined
  return (
    <form className="stack" noValidate onSubmit={event => { event.preventDefault(); submit() }}>
      <TextInput label="API key" name="apiKey" type="password" mono value={apiKey} autoFocus={first}
        onChange={value => { setApiKey(value); setMissing(false) }}
        error={missing ? 'Enter an API key.' : refused}
        hint="Of an operator, a tenant admin or an auditor. It is exchanged for a session and kept nowhere in the browser." />
      {error && !refused && <Problem error={error} />}
      <Button look={first ? 'primary' : 'plain'} type="submit" isPending={pending}><Icon of={KeyRound} />Sign in</Button>
    </form>
  )
}
