import { useState } from 'react'
import { api, result } from '../api/client'
import type { ApiKey, Role, Tenant } from '../api/types'
import { usePending } from '../data/pending'
import { ROLE_NAMES } from '../session/session'
import { Button, ChoiceInput, TextInput, type Choice } from '../ui/controls'
import { CodeBlock } from '../ui/copy'
import { DialogBox } from '../ui/dialog'
import { Note, Problem } from '../ui/states'

export const DEPLOYMENT = 'deployment' // Of no tenant.
const NEVER = 'never'
const EXPIRIES = [
  { id: NEVER, label: 'Never' }, { id: 'P1D', label: '1 day' }, { id: 'P7D', label: '7 days' },
  { id: 'P30D', label: '30 days' }, { id: 'P90D', label: '90 days' }, { id: 'P365D', label: '1 year' }
]
const DETAILS: Record<Role, string> = {
  PlatformOperator: 'Tenants, keys of others; no content',
  TenantAdmin: 'Key providers, migrations, events of its tenant',
  ContentService: 'Seals and opens',
  Auditor: 'Reads events'
}

export const tenantChoices = (tenants: readonly Tenant[]): Choice[] => [
  { id: DEPLOYMENT, label: 'The deployment', detail: 'No tenant of its own' },
  ...tenants.filter(tenant => tenant.status !== 'destroyed').map(tenant => ({ id: tenant.id, label: tenant.name, detail: tenant.id }))
]

interface NewKeyProps {
  tenants: Tenant[] | undefined // Of an operator, who chooses; undefined: one's own.
  whose: string // Chosen first.
  onClose: (made?: string) => void // With whose it is, when one was made.
}

export function NewKeyDialog ({ tenants, whose, onClose }: NewKeyProps) {
  const [made, setMade] = useState<{ token: string, whose: string }>()
  if (made !== undefined) return <TokenDialog token={made.token} onClose={() => { onClose(made.whose) }} />
  return <KeyForm tenants={tenants} whose={whose} onClose={() => { onClose() }} onMade={(token, of) => { setMade({ token, whose: of }) }} />
}

function rolesFor (tenants: Tenant[] | undefined, tenantId: string): Role[] {
  if (tenants === undefined) return ['TenantAdmin', 'ContentService', 'Auditor']
  return tenantId === DEPLOYMENT ? ['PlatformOperator', 'ContentService', 'Auditor'] : ['TenantAdmin', 'ContentService', 'Auditor']
}

interface KeyFormProps extends Omit<NewKeyProps, 'onClose'> { onClose: () => void, onMade: (token: string, whose: string) => void }

function KeyForm ({ tenants, whose, onClose, onMade }: KeyFormProps) {
  const [description, setDescription] = useState('')
  const [tenantId, setTenantId] = useState(whose)
  const roles = rolesFor(tenants, tenantId)
  const [chosen, setChosen] = useState<Role>('ContentService')
  const role = roles.includes(chosen) ? chosen : roles[0] ?? 'ContentService'
  const [expiry, setExpiry] = useState(NEVER)
  const [asked, setAsked] = useState(false)
  const { pending, error, run } = usePending()
  const save = (): void => {
    setAsked(true)
    if (description.trim() === '') return
    const body = {
      description: description.trim(),
      role,
      ...(tenants !== undefined && tenantId !== DEPLOYMENT ? { tenantId } : {}),
      ...(expiry === NEVER ? {} : { expiry })
    }
    run(async () => { onMade((await result(api.POST('/api/v1/api-keys', { body }))).token, tenantId) }, () => {})
  }
  const missing = asked && description.trim() === '' ? 'A description is needed.' : undefined
  const ofDescription = missing ?? (error?.field === 'description' ? error.message : undefined)
  return (
    <DialogBox title="New API key" isOpen onClose={onClose} onSubmit={save} foot={<>
      <Button onPress={onClose}>Cancel</Button>
      <Button look="primary" type="submit" isPending={pending}>Create</Button>
    </>}>
      <TextInput label="Description" name="description" value={description} onChange={setDescription} autoFocus error={ofDescription} hint="What it is for." />
      {tenants !== undefined && (
        <ChoiceInput label="Tenant" name="tenantId" value={tenantId} onChange={setTenantId} choices={tenantChoices(tenants)} />
      )}
      <ChoiceInput label="Role" name="role" value={role} onChange={id => { setChosen(id as Role) }}
        choices={roles.map(each => ({ id: each, label: ROLE_NAMES[each], detail: DETAILS[each] }))} />
      <ChoiceInput label="Expires" name="expiry" value={expiry} onChange={setExpiry} choices={EXPIRIES} />
      {error && !ofDescription && <Problem error={error} />}
    </DialogBox>
  )
}

function TokenDialog ({ token, onClose }: { token: string, onClose: () => void }) {
  return (
    <DialogBox title="API key created" isOpen onClose={onClose} foot={<Button look="primary" onPress={onClose}>I have kept it</Button>}>
      <Note look="warn" title="This is shown once">Copy the token now. It is stored nowhere, and cannot be shown again.</Note>
      <CodeBlock title="Token" text={token} />
    </DialogBox>
  )
}

export function DeleteKeyDialog ({ apiKey, onClose, onDone }: { apiKey: ApiKey, onClose: () => void, onDone: () => void }) {
  const { pending, error, run } = usePending()
  const remove = (): void => {
    run(() => result(api.DELETE('/api/v1/api-keys/{id}', { params: { path: { id: apiKey.id } } })), onDone)
  }
  return (
    <DialogBox title={`Delete ${apiKey.description || apiKey.id}?`} role="alertdialog" isOpen onClose={onClose} foot={<>
      <Button onPress={onClose} autoFocus>Cancel</Button>
      <Button look="danger" isPending={pending} onPress={remove}>Delete</Button>
    </>}>
      <p>Whoever uses this key is refused from now on, on every process of the service.</p>
      {error && <Problem error={error} />}
    </DialogBox>
  )
}
