import { useState } from 'react'
import { KeyRound, Plus, Trash2 } from 'lucide-react'
import type { ApiKey } from '../api/types'
import { useResource } from '../data/resource'
import { navigate, usePlace } from '../router'
import { isOperator, ROLE_NAMES, useSession } from '../session/session'
import { Button, ChoiceInput } from '../ui/controls'
import { Icon } from '../ui/icon'
import { ActionMenu } from '../ui/menu'
import { Page } from '../ui/page'
import { Empty, LoadingWords, Problem, Skeleton } from '../ui/states'
import { parseTime } from '../ui/time'
import { announce } from '../ui/toast'
import { When } from '../ui/when'
import { DeleteKeyDialog, DEPLOYMENT, NewKeyDialog, tenantChoices } from './api_key_dialogs'
import { listKeys, listTenants } from './operators_api'

type Dialog = { kind: 'new' } | { kind: 'delete', apiKey: ApiKey }

export function ApiKeysPage () {
  const { session } = useSession()
  const { query } = usePlace()
  const operator = isOperator(session)
  const whose = operator ? query.get('tenant') ?? DEPLOYMENT : DEPLOYMENT
  const keys = useResource(`api-keys ${whose}`, () => listKeys(whose === DEPLOYMENT ? undefined : whose))
  const tenants = useResource(operator ? 'tenants' : '', listTenants)
  const [dialog, setDialog] = useState<Dialog>()
  const close = (): void => { setDialog(undefined) }
  return (
    <Page title="API keys"
      lead={operator ? 'What programs and people sign in with, of the deployment and of each tenant.' : 'What programs and people of this tenant sign in with.'}
      actions={<Button look="primary" onPress={() => { setDialog({ kind: 'new' }) }}><Icon of={Plus} />New API key</Button>}>
      <section className="card" aria-label="API keys">
        {operator && (
          <div className="event-filters">
            <ChoiceInput label="Keys of" name="tenant" value={whose} choices={tenantChoices(tenants.data ?? [])} onChange={showKeysOf} />
          </div>
        )}
        {keys.error && !keys.data && <div className="card-body"><Problem error={keys.error} retry={() => { void keys.reload() }} /></div>}
        {!keys.data && !keys.error && <div className="card-body stack-tight" aria-busy="true"><LoadingWords what="API keys" /><Skeleton width={100} lines={6} /></div>}
        {keys.data?.length === 0 && <Empty icon={KeyRound} title="No API keys yet" />}
        {keys.data && keys.data.length > 0 && (
          <KeyTable keys={keys.data} ownId={session.principal.id} onDelete={apiKey => { setDialog({ kind: 'delete', apiKey }) }} />
        )}
      </section>
      {dialog?.kind === 'new' && (
        <NewKeyDialog tenants={operator ? tenants.data ?? [] : undefined} whose={whose}
          onClose={made => { close(); if (operator && made !== undefined) showKeysOf(made); void keys.reload() }} />
      )}
      {dialog?.kind === 'delete' && (
        <DeleteKeyDialog apiKey={dialog.apiKey} onClose={close}
          onDone={() => { announce('The API key is deleted.'); close(); void keys.reload() }} />
      )}
    </Page>
  )
}

function showKeysOf (whose: string): void {
  navigate(whose === DEPLOYMENT ? '/api-keys' : `/api-keys?tenant=${encodeURIComponent(whose)}`, { replace: true })
}

interface KeyTableProps {
  keys: ApiKey[]
  ownId: string
  onDelete: (apiKey: ApiKey) => void
}

function KeyTable ({ keys, ownId, onDelete }: KeyTableProps) {
  return (
    <table className="table narrows">
      <thead>
        <tr>
          <th scope="col">Description</th><th scope="col">Role</th>
          <th scope="col">ID</th><th scope="col">Created</th><th scope="col">Expires</th>
          <th scope="col"><span className="visually-hidden">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        {keys.map(key => {
          const created = parseTime(key.created)
          const expiry = parseTime(key.expiry)
          const own = ownId.endsWith(key.id)
          return (
            <tr key={key.id}>
              <td className="lead-cell fits"><strong>{key.description || 'No description'}</strong>{own && <> <span className="badge plain">This session</span></>}</td>
              <td data-label="Role" className="nowrap">{ROLE_NAMES[key.role]}</td>
              <td data-label="ID"><code className="nowrap">{key.id}</code></td>
              <td data-label="Created">{created && <When date={created} seconds={false} />}</td>
              <td data-label="Expires">
                <span>{key.status === 'expired' ? <span className="badge warn">Expired</span> : expiry ? <When date={expiry} seconds={false} /> : 'never'}</span>
              </td>
              <td className="end">
                <ActionMenu label={`Actions for ${key.description || key.id}`}
                  actions={[{ id: 'delete', label: 'Delete', icon: Trash2, danger: true, onAction: () => { onDelete(key) } }]} />
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
