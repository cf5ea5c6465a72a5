import { useState } from 'react'
import { Link } from 'react-aria-components'
import { Plus } from 'lucide-react'
import type { KeyProvider } from '../api/types'
import { navigate, usePlace } from '../router'
import { isAdmin, useSession } from '../session/session'
import { Icon } from '../ui/icon'
import { Page } from '../ui/page'
import { LoadingWords, Problem, Skeleton } from '../ui/states'
import { ChangeDialog } from './change_dialog'
import { DeleteDialog, EditDialog } from './edit_dialogs'
import { useEncryption } from './migration_state'
import { MigrationPanel } from './migration_panel'
import { ProviderCard, type CardAction } from './provider_card'
import { ValidateDialog } from './validate_dialog'

interface Doing { action: CardAction, provider: KeyProvider }

export function ProvidersPage () {
  const { session } = useSession()
  const encryption = useEncryption()
  const { providers, migration } = encryption
  const { query } = usePlace()
  const [doing, setDoing] = useState<Doing>()
  const admin = isAdmin(session)
  // "Add and migrate" comes here with the key to migrate to.
  const asked = query.get('migrate')
  const wanted = asked === null ? undefined : providers.data?.find(each => each.arnFingerPrint === asked)
  const current = doing ?? (wanted && admin && !wanted.current ? { action: 'migrate' as const, provider: wanted } : undefined)
  const close = (): void => {
    setDoing(undefined)
    if (asked !== null) navigate('/settings/encryption', { replace: true })
  }
  // Shown all at once, so that nothing moves.
  const loaded = (providers.data ?? providers.error) !== undefined && (migration.data !== undefined || migration.error !== undefined)
  const closeAndReload = (): void => { close(); void providers.reload() }

  return (
    <Page title="Manage key provider" crumbs={[{ label: 'Settings', href: '/settings' }]}
      lead="The key provider holds the key that everything of this tenant is sealed under. Exactly one is active.">
      {loaded && <MigrationPanel encryption={encryption} />}
      {providers.error && !providers.data && <Problem error={providers.error} retry={() => { void providers.reload() }} />}
      <div className="cards">
        {loaded && providers.data?.map(provider => (
          <ProviderCard key={provider.arnFingerPrint} provider={provider} migration={migration.data} admin={admin}
            tenantRegion={session.tenant?.region ?? ''}
            onAction={(action, chosen) => { setDoing({ action, provider: chosen }) }} />
        ))}
        {!loaded && <WaitingCards />}
        {admin && loaded && (
          <Link className="create-card" href="/settings/encryption/new">
            <Icon of={Plus} />Create new
            <span>Bring a customer managed key of your own from AWS KMS</span>
          </Link>
        )}
      </div>
      {current?.action === 'migrate' && (
        <ChangeDialog provider={current.provider} from={providers.data?.find(each => each.current)} onClose={close}
          onStarted={started => { migration.set(started); closeAndReload() }} />
      )}
      {(current?.action === 'validate' || current?.action === 'report') && (
        <ValidateDialog provider={current.provider} run={current.action === 'validate'} onClose={closeAndReload} />
      )}
      {current?.action === 'edit' && <EditDialog provider={current.provider} onClose={close} onDone={closeAndReload} />}
      {current?.action === 'delete' && <DeleteDialog provider={current.provider} onClose={close} onDone={closeAndReload} />}
    </Page>
  )
}

function WaitingCards () {
  return (
    <div className="card provider" aria-busy="true">
      <LoadingWords what="key providers" />
      <div className="provider-head"><span className="provider-icon" /><div className="provider-title"><Skeleton width={22} /><Skeleton width={12} /></div></div>
      <Skeleton width={10} />
      <Skeleton width={40} lines={4} />
    </div>
  )
}
