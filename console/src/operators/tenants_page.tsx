import { useState } from 'react'
import { Ban, Building2, CirclePause, CirclePlay, Plus, Undo2 } from 'lucide-react'
import { api, result } from '../api/client'
import { asApiError, type ApiError } from '../api/errors'
import type { Tenant } from '../api/types'
import { useResource } from '../data/resource'
import { Button } from '../ui/controls'
import { CopyLine } from '../ui/copy'
import { Icon } from '../ui/icon'
import { ActionMenu, type MenuAction } from '../ui/menu'
import { Page } from '../ui/page'
import { Empty, LoadingWords, Problem, Skeleton } from '../ui/states'
import { parseTime } from '../ui/time'
import { announce } from '../ui/toast'
import { When, WhenAgo } from '../ui/when'
import { listTenants } from './operators_api'
import { DeactivateDialog, DestroyDialog, NewTenantDialog } from './tenant_dialogs'

type Dialog = { kind: 'new' } | { kind: 'deactivate' | 'destroy', tenant: Tenant }

const at = (tenant: Tenant) => ({ params: { path: { tenantId: tenant.id } } })

export function TenantsPage () {
  const tenants = useResource('tenants', listTenants)
  const [dialog, setDialog] = useState<Dialog>()
  const [error, setError] = useState<ApiError>()
  const close = (): void => { setDialog(undefined) }
  const done = (said: string): void => { announce(said); close(); void tenants.reload() }
  const act = (call: () => Promise<unknown>, said: string): void => {
    setError(undefined)
    call().then(() => { done(said) }, (problem: unknown) => { setError(asApiError(problem)) })
  }
  const actionsOf = (tenant: Tenant): MenuAction[] => tenantActions(tenant, {
    deactivate: () => { setDialog({ kind: 'deactivate', tenant }) },
    destroy: () => { setDialog({ kind: 'destroy', tenant }) },
    reactivate: () => {
      act(() => result(api.POST('/api/v1/tenants/{tenantId}/actions/reactivate', at(tenant))), `${tenant.name} is active again.`)
    },
    cancel: () => {
      act(() => result(api.POST('/api/v1/tenants/{tenantId}/actions/cancel-destruction', at(tenant))), `${tenant.name} is kept.`)
    }
  })
  return (
    <Page title="Tenants" lead="Each tenant’s content is sealed under that tenant’s own key."
      actions={<Button look="primary" onPress={() => { setDialog({ kind: 'new' }) }}><Icon of={Plus} />New tenant</Button>}>
      {error && <Problem error={error} />}
      <section className="card" aria-label="Tenants">
        {tenants.error && !tenants.data && <div className="card-body"><Problem error={tenants.error} retry={() => { void tenants.reload() }} /></div>}
        {!tenants.data && !tenants.error && <div className="card-body stack-tight" aria-busy="true"><LoadingWords what="tenants" /><Skeleton width={100} lines={6} /></div>}
        {tenants.data?.length === 0 && <Empty icon={Building2} title="No tenants yet"><p>Create one for each customer whose content is to be sealed.</p></Empty>}
        {tenants.data && tenants.data.length > 0 && <TenantTable tenants={tenants.data} actionsOf={actionsOf} />}
      </section>
      {dialog?.kind === 'new' && <NewTenantDialog onClose={close} onDone={done} />}
      {dialog?.kind === 'deactivate' && <DeactivateDialog tenant={dialog.tenant} onClose={close} onDone={done} />}
      {dialog?.kind === 'destroy' && <DestroyDialog tenant={dialog.tenant} onClose={close} onDone={done} />}
    </Page>
  )
}

interface TenantActs { deactivate: () => void, destroy: () => void, reactivate: () => void, cancel: () => void }

function tenantActions (tenant: Tenant, acts: TenantActs): MenuAction[] {
  const destroyed = tenant.status === 'destroyed' ? 'The tenant is destroyed.' : undefined
  const active = tenant.status === 'active'
  const scheduled = tenant.destroyAt !== undefined && !destroyed
  return [
    active
      ? { id: 'deactivate', label: 'Deactivate', icon: CirclePause, onAction: acts.deactivate }
      : { id: 'reactivate', label: 'Reactivate', icon: CirclePlay, onAction: acts.reactivate, disabledBecause: destroyed },
    scheduled
      ? { id: 'cancel', label: 'Cancel destruction', icon: Undo2, onAction: acts.cancel }
      : { id: 'destroy', label: 'Destroy', icon: Ban, danger: true, onAction: acts.destroy,
          disabledBecause: destroyed ?? (active ? 'Deactivate the tenant first.' : undefined) }
  ]
}

const LOOKS = { active: 'good', deactivated: 'warn', destroyed: 'idle' } as const
const WORDS = { active: 'Active', deactivated: 'Deactivated', destroyed: 'Destroyed' } as const

function TenantTable ({ tenants, actionsOf }: { tenants: Tenant[], actionsOf: (tenant: Tenant) => MenuAction[] }) {
  return (
    <table className="table narrows">
      <thead>
        <tr>
          <th scope="col">Name</th><th scope="col">Tenant ID</th><th scope="col">Region</th><th scope="col">Status</th>
          <th scope="col">Created</th><th scope="col"><span className="visually-hidden">Actions</span></th>
        </tr>
      </thead>
      <tbody>
        {tenants.map(tenant => {
          const created = parseTime(tenant.createdAt)
          const destroyAt = parseTime(tenant.destroyAt)
          return (
            <tr key={tenant.id}>
              <td className="lead-cell fits"><strong>{tenant.name}</strong></td>
              <td data-label="Tenant ID"><CopyLine text={tenant.id} what={`tenant ID of ${tenant.name}`} /></td>
              <td data-label="Region" className="nowrap">{tenant.region}</td>
              <td data-label="Status">
                <span>
                  <span className={`badge ${LOOKS[tenant.status]}`}>{WORDS[tenant.status]}</span>
                  {destroyAt && tenant.status !== 'destroyed' && <span className="small destroy-at">Destroyed at <WhenAgo date={destroyAt} /></span>}
                </span>
              </td>
              <td data-label="Created">{created && <When date={created} seconds={false} />}</td>
              <td className="end"><ActionMenu label={`Actions for ${tenant.name}`} actions={actionsOf(tenant)} /></td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
