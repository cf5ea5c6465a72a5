import { useState } from 'react'
import { Link } from 'react-aria-components'
import { CirclePause, CirclePlay, List, Pencil, Plus, Trash2, Webhook as WebhookIcon } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import { useResource } from '../data/resource'
import { navigate } from '../router'
import { isOperator, useSession } from '../session/session'
import { Button } from '../ui/controls'
import { Icon } from '../ui/icon'
import { ActionMenu } from '../ui/menu'
import { Page } from '../ui/page'
import { Empty, LoadingWords, Problem, Skeleton } from '../ui/states'
import { parseTime } from '../ui/time'
import { announce } from '../ui/toast'
import { When } from '../ui/when'
import { DeleteWebhookDialog, WebhookDialog } from './webhook_dialogs'
import { changeWebhook, listWebhooks, type Webhook } from './webhooks_api'

type Dialog = { kind: 'new' } | { kind: 'edit' | 'delete', webhook: Webhook }
export const webhookHref = (webhook: Webhook): string => `/webhooks/${encodeURIComponent(webhook.id)}`

export function WebhooksPage () {
  const { session } = useSession()
  const webhooks = useResource('webhooks', listWebhooks)
  const [dialog, setDialog] = useState<Dialog>()
  const [error, setError] = useState<ApiError>()
  const close = (): void => { setDialog(undefined) }
  const done = (said: string): void => { announce(said); close(); void webhooks.reload() }
  const enable = (webhook: Webhook, enabled: boolean): void => {
    setError(undefined)
    changeWebhook(webhook.id, { enabled }).then(
      () => { done(`${webhook.name} is ${enabled ? 'enabled' : 'disabled'}.`) },
      (problem: unknown) => { setError(asApiError(problem)) })
  }
  return (
    <Page title="Webhooks"
      lead={isOperator(session) ? 'Events of the deployment, sent to an address of yours as they happen.' : 'Events of this tenant, sent to an address of yours as they happen.'}
      actions={<Button look="primary" onPress={() => { setDialog({ kind: 'new' }) }}><Icon of={Plus} />New webhook</Button>}>
      {error && <Problem error={error} />}
      <section className="card" aria-label="Webhooks">
        {webhooks.error && !webhooks.data && <div className="card-body"><Problem error={webhooks.error} retry={() => { void webhooks.reload() }} /></div>}
        {!webhooks.data && !webhooks.error && <div className="card-body stack-tight" aria-busy="true"><LoadingWords what="webhooks" /><Skeleton width={100} lines={5} /></div>}
        {webhooks.data?.length === 0 && (
          <Empty icon={WebhookIcon} title="No webhooks yet"><p>A webhook posts each event that you choose to a URL, signed with a secret.</p></Empty>
        )}
        {webhooks.data && webhooks.data.length > 0 && (
          <WebhookTable webhooks={webhooks.data} onEnable={enable}
            onDialog={(kind, webhook) => { setDialog({ kind, webhook }) }} />
        )}
      </section>
      {dialog?.kind === 'new' && <WebhookDialog onClose={close} onDone={done} />}
      {dialog?.kind === 'edit' && <WebhookDialog webhook={dialog.webhook} onClose={close} onDone={done} />}
      {dialog?.kind === 'delete' && <DeleteWebhookDialog webhook={dialog.webhook} onClose={close} onDone={() => { done('The webhook is deleted.') }} />}
    </Page>
  )
}

export function WebhookBadge ({ webhook }: { webhook: Webhook }) {
  if (webhook.enabled) return <span className="badge good">Enabled</span>
  return <span className={`badge ${webhook.disabledReason ? 'bad' : 'idle'}`} title={webhook.disabledReason}>Disabled</span>
}

interface TableProps {
  webhooks: Webhook[]
  onEnable: (webhook: Webhook, enabled: boolean) => void
  onDialog: (kind: 'edit' | 'delete', webhook: Webhook) => void
}

function WebhookTable ({ webhooks, onEnable, onDialog }: TableProps) {
  return (
    <table className="table narrows">
      <thead>
        <tr>
          <th scope="col">Name</th><th scope="col">URL</th><th scope="col">Events</th><th scope="col">Status</th>
          <th scope="col">Changed</th><th scope="col"><span className="visually-hidden">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        {webhooks.map(webhook => {
          const updated = parseTime(webhook.updatedAt)
          const types = webhook.eventTypes?.length ?? 0
          return (
            <tr key={webhook.id}>
              <td className="lead-cell fits"><Link href={webhookHref(webhook)}>{webhook.name}</Link></td>
              <td data-label="URL" className="fits"><code>{webhook.url}</code></td>
              <td data-label="Events">{types === 0 ? 'every type' : `${types} type${types === 1 ? '' : 's'}`}</td>
              <td data-label="Status"><span><WebhookBadge webhook={webhook} /></span></td>
              <td data-label="Changed">{updated && <When date={updated} seconds={false} />}</td>
              <td className="end">
                <ActionMenu label={`Actions for ${webhook.name}`} actions={[
                  { id: 'deliveries', label: 'Deliveries', icon: List, onAction: () => { navigate(webhookHref(webhook)) } },
                  { id: 'edit', label: 'Edit', icon: Pencil, onAction: () => { onDialog('edit', webhook) } },
                  webhook.enabled
                    ? { id: 'disable', label: 'Disable', icon: CirclePause, onAction: () => { onEnable(webhook, false) } }
                    : { id: 'enable', label: 'Enable', icon: CirclePlay, onAction: () => { onEnable(webhook, true) } },
                  { id: 'delete', label: 'Delete', icon: Trash2, danger: true, onAction: () => { onDialog('delete', webhook) } }
                ]} />
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
