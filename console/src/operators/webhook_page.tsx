import { useState } from 'react'
import { Eye, Inbox, Pencil, RefreshCw, Send, Trash2 } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import { useResource } from '../data/resource'
import { navigate, type Parameters } from '../router'
import { Button, ChoiceInput } from '../ui/controls'
import { CodeBlock } from '../ui/copy'
import { DialogBox } from '../ui/dialog'
import { Icon } from '../ui/icon'
import { ActionMenu } from '../ui/menu'
import { Page } from '../ui/page'
import { Empty, LoadingWords, Note, Problem, Skeleton } from '../ui/states'
import { parseTime, utcText } from '../ui/time'
import { announce } from '../ui/toast'
import { When, WhenAgo } from '../ui/when'
import { DeleteWebhookDialog, WebhookDialog } from './webhook_dialogs'
import { headersText } from './webhook_rules'
import { WebhookBadge } from './webhooks_page'
import { listDeliveries, loadDelivery, loadWebhook, resendDelivery, type Delivery, type Webhook } from './webhooks_api'

const STATUSES = [
  { id: 'any', label: 'Any status' }, { id: 'success', label: 'Delivered' }, { id: 'fail', label: 'Failed' }
]

export function WebhookPage ({ parameters }: { parameters: Parameters }) {
  const id = parameters['id'] ?? ''
  const webhook = useResource(`webhook ${id}`, () => loadWebhook(id))
  const [dialog, setDialog] = useState<'' | 'edit' | 'delete'>('')
  const close = (): void => { setDialog('') }
  const { data } = webhook
  return (
    <Page title={data?.name ?? 'Webhook'} crumbs={[{ label: 'Webhooks', href: '/webhooks' }]}
      actions={data && <>
        <Button onPress={() => { setDialog('edit') }}><Icon of={Pencil} />Edit</Button>
        <Button onPress={() => { setDialog('delete') }}><Icon of={Trash2} />Delete</Button>
      </>}>
      {webhook.error && !data && <Problem error={webhook.error} retry={() => { void webhook.reload() }} />}
      {!data && !webhook.error && <div className="card card-body stack-tight" aria-busy="true"><LoadingWords what="the webhook" /><Skeleton width={60} lines={5} /></div>}
      {data && <Facts webhook={data} />}
      {data && <Deliveries id={id} />}
      {data && dialog === 'edit' && (
        <WebhookDialog webhook={data} onClose={close} onDone={said => { announce(said); close(); void webhook.reload() }} />
      )}
      {data && dialog === 'delete' && (
        <DeleteWebhookDialog webhook={data} onClose={close} onDone={() => { announce('The webhook is deleted.'); navigate('/webhooks') }} />
      )}
    </Page>
  )
}

function Facts ({ webhook }: { webhook: Webhook }) {
  const created = parseTime(webhook.createdAt)
  return (
    <section className="card" aria-label="Webhook">
      <div className="card-body stack">
        {webhook.disabledReason && <Note look="bad" title="The service has disabled this webhook">{webhook.disabledReason}</Note>}
        <dl className="facts">
          <dt>Status</dt><dd><WebhookBadge webhook={webhook} /></dd>
          <dt>URL</dt><dd><code>{webhook.url}</code></dd>
          {webhook.description && <><dt>Description</dt><dd>{webhook.description}</dd></>}
          <dt>Events</dt><dd>{webhook.eventTypes?.length ? webhook.eventTypes.join(', ') : 'every type'}</dd>
          {webhook.filter && <><dt>Filter</dt><dd><code className="break">{webhook.filter}</code></dd></>}
          {Object.keys(webhook.headers ?? {}).length > 0 && <><dt>Headers</dt><dd><code className="break">{headersText(webhook.headers ?? {})}</code></dd></>}
          <dt>Signed</dt><dd>{webhook.secretKeyAdded ? 'yes, with a secret' : 'no'}</dd>
          <dt>Created</dt><dd>{created && <When date={created} />}</dd>
        </dl>
      </div>
    </section>
  )
}

function DeliveryBadge ({ delivery }: { delivery: Delivery }) {
  const next = parseTime(delivery.nextAttemptAt)
  if (delivery.status === 'success') return <span className="badge good">Delivered</span>
  if (delivery.status !== 'fail') return <span className="badge busy">Waiting</span>
  return next ? <span className="badge warn" title={`Next attempt ${utcText(next)} UTC`}>Tried again</span> : <span className="badge bad">Failed</span>
}

function Deliveries ({ id }: { id: string }) {
  const [status, setStatus] = useState('any')
  const list = useResource(`deliveries ${id} ${status}`, () => listDeliveries(id, status))
  const [shown, setShown] = useState<Delivery>()
  const [error, setError] = useState<ApiError>()
  const resend = (delivery: Delivery): void => {
    setError(undefined)
    resendDelivery(id, delivery.id).then(() => {
      announce('It is sent again.')
      void list.reload()
    }, (problem: unknown) => { setError(asApiError(problem)) })
  }
  return (
    <section className="card" aria-labelledby="deliveries">
      <div className="card-head">
        <h2 id="deliveries">Deliveries</h2>
        <div className="row">
          <div className="status-choice"><ChoiceInput label="Status" name="status" hideLabel choices={STATUSES} value={status} onChange={setStatus} /></div>
          <Button onPress={() => { void list.reload() }} isPending={list.loading && list.data !== undefined}><Icon of={RefreshCw} />Refresh</Button>
        </div>
      </div>
      {error && <div className="card-body"><Problem error={error} /></div>}
      {list.error && !list.data && <div className="card-body"><Problem error={list.error} retry={() => { void list.reload() }} /></div>}
      {!list.data && !list.error && <div className="card-body stack-tight" aria-busy="true"><LoadingWords what="deliveries" /><Skeleton width={100} lines={4} /></div>}
      {list.data?.data.length === 0 && <Empty icon={Inbox} title="No deliveries"><p>The deliveries of the last week are listed here.</p></Empty>}
      {list.data && list.data.data.length > 0 && <DeliveryTable deliveries={list.data.data} onShow={setShown} onResend={resend} />}
      {shown && <DeliveryDialog webhookId={id} delivery={shown} onClose={() => { setShown(undefined) }} />}
    </section>
  )
}

function NextAttempt ({ at }: { at: string }) {
  const date = parseTime(at)
  return date ? <WhenAgo date={date} /> : at
}

interface DeliveryTableProps { deliveries: Delivery[], onShow: (delivery: Delivery) => void, onResend: (delivery: Delivery) => void }

function DeliveryTable ({ deliveries, onShow, onResend }: DeliveryTableProps) {
  return (
    <table className="table narrows">
      <thead>
        <tr><th scope="col">Date (UTC)</th><th scope="col">Event type</th><th scope="col">Status</th><th scope="col">Answer</th><th scope="col"><span className="visually-hidden">Actions</span></th></tr>
      </thead>
      <tbody>
        {deliveries.map(delivery => {
          const at = parseTime(delivery.triggeredAt)
          return (
            <tr key={delivery.id}>
              <td className="lead-cell">{at && <When date={at} />}</td>
              <td data-label="Type" className="fits"><code>{delivery.eventType}</code></td>
              <td data-label="Status"><span><DeliveryBadge delivery={delivery} /></span></td>
              <td data-label="Answer" className="fits">{delivery.response?.statusCode ?? delivery.statusMessage ?? '—'}</td>
              <td className="end">
                <ActionMenu label={`Actions for the delivery of ${delivery.eventType}`} actions={[
                  { id: 'show', label: 'Show', icon: Eye, onAction: () => { onShow(delivery) } },
                  { id: 'resend', label: 'Resend', icon: Send, onAction: () => { onResend(delivery) } }
                ]} />
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function DeliveryDialog ({ webhookId, delivery, onClose }: { webhookId: string, delivery: Delivery, onClose: () => void }) {
  const whole = useResource(`delivery ${delivery.id}`, () => loadDelivery(webhookId, delivery.id))
  const shown = whole.data ?? delivery
  return (
    <DialogBox title="Delivery" isOpen wide onClose={onClose}>
      <dl className="facts">
        <dt>Event type</dt><dd>{shown.eventType}</dd>
        <dt>Status</dt><dd><DeliveryBadge delivery={shown} /> {shown.statusMessage}</dd>
        {shown.attempts !== undefined && <><dt>Attempts</dt><dd>{shown.attempts}</dd></>}
        {shown.nextAttemptAt && <><dt>Next attempt</dt><dd><NextAttempt at={shown.nextAttemptAt} /></dd></>}
      </dl>
      {whole.error && <Problem error={whole.error} retry={() => { void whole.reload() }} />}
      {shown.request && <CodeBlock title="Request" text={JSON.stringify(shown.request, null, 2)} />}
      {shown.response && <CodeBlock title="Response" text={JSON.stringify(shown.response, null, 2)} />}
    </DialogBox>
  )
}
