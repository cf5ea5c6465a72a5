import { useState } from 'react'
import { Dices } from 'lucide-react'
import { usePending } from '../data/pending'
import { useResource } from '../data/resource'
import { shortType } from '../events/words'
import { Button, CheckInput, TextInput } from '../ui/controls'
import { CopyButton } from '../ui/copy'
import { DialogBox } from '../ui/dialog'
import { Icon } from '../ui/icon'
import { Problem, Skeleton } from '../ui/states'
import { headersText, parseHeaders, WEBHOOK_FIELDS, webhookProblems, type WebhookField } from './webhook_rules'
import { changeWebhook, createWebhook, deleteWebhook, loadEventKinds, type Webhook, type WebhookBody } from './webhooks_api'

interface WebhookDialogProps { webhook?: Webhook, onClose: () => void, onDone: (said: string) => void }

function newSecret (): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24))
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

// Without `webhook` a new one.
export function WebhookDialog ({ webhook, onClose, onDone }: WebhookDialogProps) {
  const [name, setName] = useState(webhook?.name ?? '')
  const [url, setUrl] = useState(webhook?.url ?? '')
  const [description, setDescription] = useState(webhook?.description ?? '')
  const [types, setTypes] = useState<string[]>(webhook?.eventTypes ?? [])
  const [secret, setSecret] = useState('')
  const [headers, setHeaders] = useState(headersText(webhook?.headers ?? {}))
  const [filter, setFilter] = useState(webhook?.filter ?? '')
  const [enabled, setEnabled] = useState(webhook?.enabled ?? true)
  const [asked, setAsked] = useState(false)
  const { pending, error, run } = usePending()
  const problems = webhookProblems({ name, url, secret, headers })
  const save = (): void => {
    setAsked(true)
    if (Object.keys(problems).length > 0) return
    const body: WebhookBody = {
      name: name.trim(), url: url.trim(), description: description.trim(), eventTypes: types, enabled,
      headers: parseHeaders(headers) ?? {},
      ...(webhook ? {} : { filter: filter.trim() }),
      ...(secret === '' ? {} : { secret })
    }
    run(() => webhook ? changeWebhook(webhook.id, body) : createWebhook(body), () => { onDone(`${body.name} is saved.`) })
  }
  const of = (field: WebhookField): string | undefined =>
    (asked ? problems[field] : undefined) ?? (error?.field === field ? error.message : undefined)
  return (
    <DialogBox title={webhook ? `Edit ${webhook.name}` : 'New webhook'} isOpen wide onClose={onClose} onSubmit={save} foot={<>
      <Button onPress={onClose}>Cancel</Button>
      <Button look="primary" type="submit" isPending={pending}>Save</Button>
    </>}>
      <TextInput label="Name" name="name" value={name} onChange={setName} autoFocus error={of('name')} />
      <TextInput label="URL" name="url" type="url" mono value={url} onChange={setUrl} placeholder="https://" error={of('url')} hint="Events are sent there by POST." />
      <TextInput label="Description" name="description" optional value={description} onChange={setDescription} />
      <TypeChoice types={types} onChange={setTypes} />
      <TextInput label="Filter" name="filter" optional mono value={filter} onChange={setFilter} isDisabled={webhook !== undefined} error={of('filter')}
        placeholder={'id eq "…"'} hint={webhook ? 'Is given when the webhook is made.' : 'Only events about what this names: id, spaceId or topLevelResourceId.'} />
      <TextInput label={webhook?.secretKeyAdded ? 'New secret' : 'Secret'} name="secret" optional mono value={secret} onChange={setSecret} error={of('secret')}
        hint={webhook?.secretKeyAdded ? 'A secret is set; leave this empty to keep it.' : 'Signs each delivery (header Qlik-Signature). It is not shown again.'} />
      <div className="row">
        <Button onPress={() => { setSecret(newSecret()) }}><Icon of={Dices} />Make a secret</Button>
        {secret !== '' && <CopyButton text={secret} what="secret" />}
      </div>
      <TextInput label="Headers" name="headers" optional mono multiline value={headers} onChange={setHeaders} error={of('headers')}
        placeholder="X-Team: security" hint="Sent with each event, a header a line. They are shown to whoever may see the webhook." />
      <CheckInput name="enabled" isSelected={enabled} onChange={setEnabled}>Enabled</CheckInput>
      {error && !WEBHOOK_FIELDS.some(of) && <Problem error={error} />}
    </DialogBox>
  )
}

function TypeChoice ({ types, onChange }: { types: string[], onChange: (types: string[]) => void }) {
  const kinds = useResource('webhook-event-types', loadEventKinds)
  if (kinds.error && !kinds.data) return <Problem error={kinds.error} what="The event types cannot be shown" retry={() => { void kinds.reload() }} />
  if (!kinds.data) return <Skeleton width={50} lines={5} />
  const toggle = (name: string, wanted: boolean): void => {
    onChange(wanted ? [...types, name] : types.filter(each => each !== name))
  }
  return (
    <div className="field" role="group" aria-labelledby="event-types">
      <span id="event-types" className="react-aria-Label">Event types <span className="optional">(none chosen: every type)</span></span>
      <div className="type-choice">
        {kinds.data.map(kind => (
          <CheckInput key={kind.name} isSelected={types.includes(kind.name)} onChange={wanted => { toggle(kind.name, wanted) }}>
            {kind.title ?? shortType(kind.name)} <span className="small faint">{kind.name}</span>
          </CheckInput>
        ))}
      </div>
    </div>
  )
}

export function DeleteWebhookDialog ({ webhook, onClose, onDone }: { webhook: Webhook, onClose: () => void, onDone: () => void }) {
  const { pending, error, run } = usePending()
  return (
    <DialogBox title={`Delete ${webhook.name}?`} role="alertdialog" isOpen onClose={onClose} foot={<>
      <Button onPress={onClose} autoFocus>Cancel</Button>
      <Button look="danger" isPending={pending} onPress={() => { run(() => deleteWebhook(webhook.id), onDone) }}>Delete</Button>
    </>}>
      <p>Nothing is sent to <code className="break">{webhook.url}</code> any more, and its deliveries are forgotten.</p>
      {error && <Problem error={error} />}
    </DialogBox>
  )
}
