import { useState } from 'react'
import { api, result } from '../api/client'
import type { Tenant } from '../api/types'
import { usePending } from '../data/pending'
import { BACKUP_REGIONS } from '../encryption/arn'
import { Button, ChoiceInput, TextInput } from '../ui/controls'
import { DialogBox } from '../ui/dialog'
import { Note, Problem } from '../ui/states'

interface DialogProps { onClose: () => void, onDone: (said: string) => void }

const OWN_REGION = 'own'
const REGIONS = [
  { id: OWN_REGION, label: 'The deployment’s own region' },
  ...Object.entries(BACKUP_REGIONS).map(([region, backup]) =>
    ({ id: region, label: region, detail: backup ? `Backup region ${backup}` : 'No backup region' }))
]

export function NewTenantDialog ({ onClose, onDone }: DialogProps) {
  const [name, setName] = useState('')
  const [region, setRegion] = useState(OWN_REGION)
  const [asked, setAsked] = useState(false)
  const { pending, error, run } = usePending()
  const save = (): void => {
    setAsked(true)
    if (name.trim() === '') return
    const body = { name: name.trim(), ...(region === OWN_REGION ? {} : { region }) }
    run(() => result(api.POST('/api/v1/tenants', { body })), () => { onDone(`${body.name} is created.`) })
  }
  const nameError = asked && name.trim() === '' ? 'A name is needed.' : error?.field === 'name' ? error.message : undefined
  const regionError = error?.field === 'region' ? error.message : undefined
  return (
    <DialogBox title="New tenant" isOpen onClose={onClose} onSubmit={save} foot={<>
      <Button onPress={onClose}>Cancel</Button>
      <Button look="primary" type="submit" isPending={pending}>Create</Button>
    </>}>
      <TextInput label="Name" name="name" value={name} onChange={setName} autoFocus error={nameError} />
      <ChoiceInput label="Region" name="region" choices={REGIONS} value={region} onChange={setRegion} error={regionError}
        hint="A tenant’s own AWS KMS key must be in this region. It cannot be changed later." />
      {error && !nameError && !regionError && <Problem error={error} />}
    </DialogBox>
  )
}

interface OfTenant extends DialogProps { tenant: Tenant }
const at = (tenant: Tenant) => ({ params: { path: { tenantId: tenant.id } } })

export function DeactivateDialog ({ tenant, onClose, onDone }: OfTenant) {
  const { pending, error, run } = usePending()
  const deactivate = (): void => {
    run(() => result(api.POST('/api/v1/tenants/{tenantId}/actions/deactivate', at(tenant))), () => { onDone(`${tenant.name} is deactivated.`) })
  }
  return (
    <DialogBox title={`Deactivate ${tenant.name}?`} role="alertdialog" isOpen onClose={onClose} foot={<>
      <Button onPress={onClose} autoFocus>Cancel</Button>
      <Button look="danger" isPending={pending} onPress={deactivate}>Deactivate</Button>
    </>}>
      <p>Nothing of this tenant can be sealed or opened any more, until it is reactivated. Nothing is deleted.</p>
      {error && <Problem error={error} />}
    </DialogBox>
  )
}

export function DestroyDialog ({ tenant, onClose, onDone }: OfTenant) {
  const [typed, setTyped] = useState('')
  const { pending, error, run } = usePending()
  const matches = typed === tenant.name
  const destroy = (): void => {
    if (!matches) return
    run(() => result(api.POST('/api/v1/tenants/{tenantId}/actions/destroy', at(tenant))), () => { onDone(`The destruction of ${tenant.name} is scheduled.`) })
  }
  return (
    <DialogBox title={`Destroy ${tenant.name}?`} role="alertdialog" isOpen onClose={onClose} onSubmit={destroy} foot={<>
      <Button onPress={onClose}>Cancel</Button>
      <Button look="danger" type="submit" isDisabled={!matches} isPending={pending}>Destroy</Button>
    </>}>
      <Note look="bad" title="Everything of this tenant becomes unreadable for ever">
        Its keys are destroyed after the waiting time, which begins now. Until then the destruction can be cancelled.
      </Note>
      <TextInput label={`Type the tenant’s name, ${tenant.name}, to confirm`} name="confirmation" value={typed} onChange={setTyped} autoFocus />
      {error && <Problem error={error} />}
    </DialogBox>
  )
}
