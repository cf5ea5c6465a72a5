import { useState } from 'react'
import { asApiError, type ApiError } from '../api/errors'
import type { KeyProvider, ProviderUsage } from '../api/types'
import { useResource } from '../data/resource'
import { Button, TextInput } from '../ui/controls'
import { DialogBox } from '../ui/dialog'
import { LoadingWords, Note, Problem, Skeleton } from '../ui/states'
import { numberText, parseTime } from '../ui/time'
import { announce } from '../ui/toast'
import { When } from '../ui/when'
import { deleteProvider, loadUsage, patchProvider } from './encryption_api'

interface Props { provider: KeyProvider, onClose: () => void, onDone: () => void }

export function EditDialog ({ provider, onClose, onDone }: Props) {
  const [name, setName] = useState(provider.name)
  const [description, setDescription] = useState(provider.description ?? '')
  const [error, setError] = useState<ApiError>()
  const [pending, setPending] = useState(false)
  const empty = name.trim() === ''
  const save = (): void => {
    if (empty || pending) return
    setPending(true)
    setError(undefined)
    patchProvider(provider.arnFingerPrint, name.trim(), description.trim()).then(() => {
      announce('Key provider changed.')
      onDone()
    }, (problem: unknown) => { setError(asApiError(problem)); setPending(false) })
  }
  const field = error?.field ?? ''
  const ofName = /name|^0/.test(field)
  const ofDescription = /description|^1/.test(field)
  return (
    <DialogBox title={`Edit ${provider.name}`} isOpen onClose={onClose} onSubmit={save} foot={<>
      <Button onPress={onClose}>Cancel</Button>
      <Button look="primary" type="submit" isPending={pending}>Save</Button>
    </>}>
      <TextInput label="Title" name="name" value={name} onChange={setName} autoFocus
        error={empty ? 'A title is needed.' : ofName ? error?.message : undefined} />
      <TextInput label="Description" name="description" value={description} onChange={setDescription} optional multiline
        error={ofDescription ? error?.message : undefined} />
      {error && !ofName && !ofDescription && <Problem error={error} />}
    </DialogBox>
  )
}

export function DeleteDialog ({ provider, onClose, onDone }: Props) {
  const usage = useResource(`usage ${provider.arnFingerPrint}`, () => loadUsage(provider.arnFingerPrint))
  const [error, setError] = useState<ApiError>()
  const [pending, setPending] = useState(false)
  const remove = (): void => {
    setPending(true)
    setError(undefined)
    deleteProvider(provider.arnFingerPrint).then(() => {
      announce(`${provider.name} is deleted.`)
      onDone()
    }, (problem: unknown) => { setError(asApiError(problem)); setPending(false) })
  }
  return (
    <DialogBox title={`Delete ${provider.name}?`} role="alertdialog" isOpen onClose={onClose} foot={<>
      <Button onPress={onClose} autoFocus>Cancel</Button>
      <Button look="danger" isPending={pending} onPress={remove}>Delete</Button>
    </>}>
      <p>The key provider is removed from this tenant. The key itself stays in AWS KMS, untouched.</p>
      {usage.data
        ? <Depends usage={usage.data} />
        : usage.error
          ? <Problem error={usage.error} retry={() => { void usage.reload() }} />
          : <div aria-busy="true"><LoadingWords what="what depends on it" /><Skeleton width={50} lines={2} /></div>}
      {error && <Problem error={error} />}
    </DialogBox>
  )
}

function Depends ({ usage }: { usage: ProviderUsage }) {
  const keep = parseTime(usage.keepKeyUntil)
  if (usage.tenantKeys > 0 || usage.dataKeys > 0) {
    return (
      <Note look="warn" title="Something still depends on it">
        {numberText(usage.tenantKeys)} tenant key versions and {numberText(usage.dataKeys)} data keys open through this key.
      </Note>
    )
  }
  if (usage.otherTenants > 0) {
    return (
      <Note look="warn" title="Do not delete the key in AWS">
        Nothing of this tenant depends on it, but {numberText(usage.otherTenants)} other
        tenant{usage.otherTenants === 1 ? ' has' : 's have'} registered the same key.
      </Note>
    )
  }
  if (!usage.safeToDelete && keep) {
    return (
      <Note look="warn" title="Do not delete the key in AWS yet">
        Nothing here depends on it any more, but backups from before do, until <When date={keep} />. Until then disable
        the key in AWS instead of deleting it, or a restored backup would not open.
      </Note>
    )
  }
  return <Note look="good">Nothing of this tenant depends on this key.</Note>
}
