import { useState, type ReactNode } from 'react'
import { Dialog, Link, Modal, ModalOverlay } from 'react-aria-components'
import { Building2, KeyRound, LogOut, Menu as MenuIcon, ScrollText, Settings, Webhook, X, type LucideIcon } from 'lucide-react'
import { useReachable } from '../api/connection'
import { mayVisit } from '../routes'
import { usePlace } from '../router'
import { ROLE_NAMES, useSession } from '../session/session'
import { Button } from '../ui/controls'
import { Icon } from '../ui/icon'
import { EmulatedBanner, OfflineBanner } from './banners'
import { Brand } from './brand'
import { ThemeSwitch } from './theme_switch'

const PLACES: ReadonlyArray<{ href: string, label: string, icon: LucideIcon }> = [
  { href: '/settings', label: 'Settings', icon: Settings },
  { href: '/tenants', label: 'Tenants', icon: Building2 },
  { href: '/events', label: 'Events', icon: ScrollText },
  { href: '/api-keys', label: 'API keys', icon: KeyRound },
  { href: '/webhooks', label: 'Webhooks', icon: Webhook }
]

export function Shell ({ children }: { children: ReactNode }) {
  const { options } = useSession()
  const reachable = useReachable()
  const [navOpen, setNavOpen] = useState(false)
  return (
    <div className="shell">
      <a className="skip" href="#content">Skip to the content</a>
      <aside className="side">
        <Link href="/" className="brand-link" aria-label="Tenantseal, start page"><Brand /></Link>
        <Navigation />
        <p className="side-foot small faint">Version {options.version}</p>
      </aside>
      <div className="main">
        <div className="top-area">
          <header className="top">
            <span className="top-menu">
              <Button look="quiet" iconOnly aria-label="Navigation" onPress={() => { setNavOpen(true) }}><Icon of={MenuIcon} /></Button>
            </span>
            <Identity />
            <AccountTools />
          </header>
          {!reachable && <OfflineBanner />}
        </div>
        {options.emulated && <EmulatedBanner page={options.emulatorUrl} />}
        <main id="content" className="content" tabIndex={-1}>{children}</main>
      </div>
      <ModalOverlay className="scrim drawer-scrim" isOpen={navOpen} onOpenChange={setNavOpen} isDismissable>
        <Modal className="drawer">
          <Dialog aria-label="Navigation" className="drawer-inner">
            <div className="row-between">
              <Brand />
              <Button look="quiet" iconOnly aria-label="Close" onPress={() => { setNavOpen(false) }}><Icon of={X} /></Button>
            </div>
            <Identity />
            <Navigation onNavigate={() => { setNavOpen(false) }} />
          </Dialog>
        </Modal>
      </ModalOverlay>
    </div>
  )
}

function Navigation ({ onNavigate }: { onNavigate?: () => void }) {
  const { path } = usePlace()
  const { session } = useSession()
  return (
    <nav aria-label="Administration">
      <ul className="nav">
        {PLACES.filter(place => mayVisit(place.href, session)).map(place => {
          const here = path === place.href || path.startsWith(`${place.href}/`)
          return (
            <li key={place.href}>
              <Link href={place.href} className={`nav-link${here ? ' here' : ''}`}
                {...(here ? { 'aria-current': 'page' as const } : {})} onPress={() => onNavigate?.()}>
                <Icon of={place.icon} />{place.label}
              </Link>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

// Whose console this is, always in view.
function Identity () {
  const { session } = useSession()
  const name = session.tenant?.name ?? 'All tenants'
  return (
    <div className="identity">
      <span className="tenant-name" title={name}>{name}</span>
      {session.tenant && <span className="tenant-region small faint">{session.tenant.region}</span>}
      <span className="badge plain">{ROLE_NAMES[session.role]}</span>
    </div>
  )
}

function AccountTools () {
  const { session, leave } = useSession()
  const who = session.principal.name ?? session.principal.email ?? session.principal.id
  return (
    <div className="account">
      <span className="who small faint" title={session.principal.id}>{who}</span>
      <ThemeSwitch />
      <Button look="quiet" aria-label="Sign out" onPress={leave}><Icon of={LogOut} /><span className="wide-only">Sign out</span></Button>
    </div>
  )
}
