import { ArrowRightLeft, KeyRound, Pencil, ShieldCheck, Trash2, LockKeyhole } from 'lucide-react'
import type { KeyProvider, Migration } from '../api/types'
import { Button } from '../ui/controls'
import { CopyButton } from '../ui/copy'
import { Icon } from '../ui/icon'
import { ActionMenu, type MenuAction } from '../ui/menu'
import { Note } from '../ui/states'
import { parseTime } from '../ui/time'
import { When, WhenAgo } from '../ui/when'
import { maskArn } from './arn'
import { isInternal, refusals, regionOf, statusesOf } from './provider_status'

export type CardAction = 'migrate' | 'validate' | 'edit' | 'delete' | 'report'

interface CardProps {
  provider: KeyProvider
  migration: Migration | null | undefined
  admin: boolean
  tenantRegion: string
  onAction: (action: CardAction, provider: KeyProvider) => void
}

export function ProviderCard ({ provider, migration, admin, tenantRegion, onAction }: CardProps) {
  const internal = isInternal(provider)
  const why = refusals(provider, migration, admin)
  const act = (action: CardAction) => () => { onAction(action, provider) }
  const actions: MenuAction[] = [
    { id: 'migrate', label: 'Migrate', icon: ArrowRightLeft, onAction: act('migrate'), disabledBecause: why.migrate },
    { id: 'validate', label: 'Validate', icon: ShieldCheck, onAction: act('validate'), disabledBecause: why.validate },
    { id: 'edit', label: 'Edit', icon: Pencil, onAction: act('edit'), disabledBecause: why.edit },
    { id: 'delete', label: 'Delete', icon: Trash2, danger: true, onAction: act('delete'), disabledBecause: why.delete }
  ]
  return (
    <article className={`card provider${provider.current ? ' current' : ''}`} aria-label={provider.name}>
      <div className="provider-head">
        <span className="provider-icon"><Icon of={internal ? LockKeyhole : KeyRound} /></span>
        <div className="provider-title">
          <h2>{provider.name}</h2>
          <span className="small faint">{internal ? 'Default key provider' : 'AWS KMS'}</span>
        </div>
        <ActionMenu label={`Actions for ${provider.name}`} actions={actions} />
      </div>
      <div className="row">
        {statusesOf(provider, migration).map(status => (
          <span key={status.label} className={`badge ${status.look}`}>{status.label}</span>
        ))}
      </div>
      {provider.description && <p className="dense soft break">{provider.description}</p>}
      {provider.attention && <Note look={provider.validation === 'warn' && !provider.revokedAt ? 'warn' : 'bad'}>{provider.attention}</Note>}
      <Facts provider={provider} tenantRegion={tenantRegion} onReport={act('report')} />
    </article>
  )
}

function Facts ({ provider, tenantRegion, onReport }: { provider: KeyProvider, tenantRegion: string, onReport: () => void }) {
  const internal = isInternal(provider)
  const promoted = parseTime(provider.promotedToCurrentAt)
  const demoted = parseTime(provider.demotedFromCurrentAt)
  const created = parseTime(provider.createdAt)
  const validated = parseTime(provider.validatedAt)
  const replica = provider.replicaKeys?.[0]
  return (
    <dl className="facts">
      {!internal && <>
        <dt>Key ARN</dt>
        <dd><span className="copy-line"><code>{maskArn(provider.arn)}</code><CopyButton text={provider.arn} what="key ARN" /></span></dd>
        {provider.aliasArn && <><dt>Alias</dt><dd><code>{provider.aliasArn.split(':').pop()}</code></dd></>}
      </>}
      <dt>Region</dt>
      <dd>{internal ? tenantRegion : regionOf(provider)}</dd>
      {!internal && <>
        <dt>Replica</dt>
        <dd>{replica?.region ? replica.region : provider.multiRegion ? 'not found' : 'none (single-region key)'}</dd>
        <dt>Last validation</dt>
        <dd>{validated
          ? <><WhenAgo date={validated} /> <Button look="quiet" onPress={onReport}>Report</Button></>
          : 'never'}</dd>
      </>}
      {provider.current && promoted && <><dt>Active since</dt><dd><WhenAgo date={promoted} /></dd></>}
      {!provider.current && demoted && <><dt>Active until</dt><dd><When date={demoted} seconds={false} /></dd></>}
      {created && <><dt>Added</dt><dd><When date={created} seconds={false} /></dd></>}
    </dl>
  )
}
