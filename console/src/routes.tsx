import { lazy, Suspense, useEffect, type ComponentType } from 'react'
import { Link } from 'react-aria-components'
import { Compass } from 'lucide-react'
import { match, navigate, usePlace, type Parameters } from './router'
import { isOperator, useSession, type Session } from './session/session'
import { SettingsPage } from './encryption/settings_page'
import { ProvidersPage } from './encryption/providers_page'
import { Page } from './ui/page'
import { Empty, Skeleton } from './ui/states'

type Shown = ComponentType<{ parameters: Parameters }>
interface Route { pattern: string, page: Shown, for: ReadonlyArray<Session['role']> }

const CreatePage = lazy(() => import('./encryption/create_page').then(m => ({ default: m.CreatePage })))
const EventsPage = lazy(() => import('./events/events_page').then(m => ({ default: m.EventsPage })))
const TenantsPage = lazy(() => import('./operators/tenants_page').then(m => ({ default: m.TenantsPage })))
const ApiKeysPage = lazy(() => import('./operators/api_keys_page').then(m => ({ default: m.ApiKeysPage })))
const WebhooksPage = lazy(() => import('./operators/webhooks_page').then(m => ({ default: m.WebhooksPage })))
const WebhookPage = lazy(() => import('./operators/webhook_page').then(m => ({ default: m.WebhookPage })))

const ROUTES: readonly Route[] = [
  { pattern: '/settings', page: SettingsPage, for: ['TenantAdmin', 'Auditor'] },
  { pattern: '/settings/encryption', page: ProvidersPage, for: ['TenantAdmin'] },
  { pattern: '/settings/encryption/new', page: CreatePage, for: ['TenantAdmin'] },
  { pattern: '/events', page: EventsPage, for: ['TenantAdmin', 'Auditor', 'PlatformOperator'] },
  { pattern: '/tenants', page: TenantsPage, for: ['PlatformOperator'] },
  { pattern: '/api-keys', page: ApiKeysPage, for: ['TenantAdmin', 'PlatformOperator'] },
  { pattern: '/webhooks', page: WebhooksPage, for: ['TenantAdmin', 'PlatformOperator'] },
  { pattern: '/webhooks/:id', page: WebhookPage, for: ['TenantAdmin', 'PlatformOperator'] }
]

// Settings are a tenant's; there are auditors of no tenant in particular.
const admitted = (route: Route, session: Session): boolean =>
  route.for.includes(session.role) && (session.tenant !== null || !route.pattern.startsWith('/settings'))

export const mayVisit = (pattern: string, session: Session): boolean =>
  ROUTES.some(route => route.pattern === pattern && admitted(route, session))

function startOf (session: Session): string {
  if (isOperator(session)) return '/tenants'
  return mayVisit('/settings', session) ? '/settings' : '/events'
}

export function Routes () {
  const { path } = usePlace()
  const { session } = useSession()
  useEffect(() => {
    if (path === '/') navigate(startOf(session), { replace: true })
  }, [path, session])
  if (path === '/') return null
  for (const route of ROUTES) {
    const parameters = match(route.pattern, path)
    if (!parameters) continue
    if (!admitted(route, session)) return <Refused session={session} />
    const Shown = route.page
    return <Suspense fallback={<Waiting />}><Shown parameters={parameters} /></Suspense>
  }
  return <Missing />
}

function Waiting () {
  return <div className="page" aria-busy="true"><Skeleton width={24} /><Skeleton width={60} lines={4} /></div>
}

function Missing () {
  return (
    <Page title="Nothing here">
      <Empty icon={Compass} title="This address leads nowhere">
        <p><Link href="/">Go to the start page</Link></p>
      </Empty>
    </Page>
  )
}

function Refused ({ session }: { session: Session }) {
  const somewhere = ROUTES.some(route => admitted(route, session))
  return (
    <Page title="Not for your role">
      {somewhere
        ? <Empty icon={Compass} title="Your role does not show this page">
            <p>Sign in with a key or an account that may. <Link href="/">Go to the start page</Link></p>
          </Empty>
        : <Empty icon={Compass} title="This console is for administrators, operators and auditors">
            <p>Your key or account is for a program. Sign out, and sign in with one of theirs.</p>
          </Empty>}
    </Page>
  )
}
