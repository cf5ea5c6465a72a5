import { Link } from 'react-aria-components'
import { KeyRound, LockKeyhole } from 'lucide-react'
import type { KeyProvider, Migration, ProviderUsage, Tenant, TenantKeys } from '../api/types'
import { useResource, type Resource } from '../data/resource'
import { isAdmin, useSession } from '../session/session'
import { CopyLine } from '../ui/copy'
import { Icon } from '../ui/icon'
import { Page } from '../ui/page'
import { LoadingWords, Note, Problem, Skeleton } from '../ui/states'
import { numberText, parseTime, utcText } from '../ui/time'
import { When, WhenAgo } from '../ui/when'
import { maskArn } from './arn'
import { loadOwnTenant, loadTenantKeys, loadUsage } from './encryption_api'
import { useEncryption } from './migration_state'
import { isUnfinished, phaseText } from './progress'
import { isInternal, regionOf, statusesOf } from './provider_status'

export function SettingsPage () {
  const { session } = useSession()
  const tenant = useResource('tenant', loadOwnTenant)
  return (
    <Page title="Settings">
      {/* Side by side where there is room: what loads in the one does not move the other. */}
      <div className="settings">
        {isAdmin(session) ? <TenantEncryption /> : <KeyVersions />}
        <TenantCard tenant={tenant} />
      </div>
    </Page>
  )
}

function TenantEncryption () {
  const { providers, migration } = useEncryption()
  const current = providers.data?.find(provider => provider.current)
  return (
    <section className="card" aria-labelledby="tenant-encryption">
      <div className="card-head">
        <h2 id="tenant-encryption">Tenant encryption</h2>
        <Link className="button primary" href="/settings/encryption">Manage key provider</Link>
      </div>
      <div className="card-body stack">
        {providers.error && !providers.data && <Problem error={providers.error} retry={() => { void providers.reload() }} />}
        {!providers.data && !providers.error && <WaitingProvider />}
        {providers.data && !current && <Note look="bad">The service names no current key provider.</Note>}
        {current && <Current provider={current} migration={migration.data} />}
      </div>
    </section>
  )
}

// What an auditor is shown: the versions of the tenant key, and nothing to press.
function KeyVersions () {
  const keys = useResource('tenant-keys', loadTenantKeys)
  return (
    <section className="card" aria-labelledby="tenant-encryption">
      <div className="card-head">
        <h2 id="tenant-encryption">Tenant encryption</h2>
        <span className="small faint">Key providers are shown to tenant admins</span>
      </div>
      {keys.error && !keys.data && <div className="card-body"><Problem error={keys.error} retry={() => { void keys.reload() }} /></div>}
      {!keys.data && !keys.error && <div className="card-body" aria-busy="true"><LoadingWords what="tenant keys" /><Skeleton width={60} lines={3} /></div>}
      {keys.data && (
        <table className="table narrows">
          <thead><tr><th scope="col">Tenant key version</th><th scope="col">Status</th><th scope="col">Managed data keys</th><th scope="col">Created</th></tr></thead>
          <tbody>
            {keys.data.versions.map(version => {
              const made = parseTime(version.createdAt)
              return (
                <tr key={version.version}>
                  <td className="lead-cell">Version {version.version}</td>
                  <td data-label="Status"><span><span className={`badge ${version.active ? 'good' : 'idle'}`}>{version.active ? 'Active' : 'Opens only'}</span></span></td>
                  <td data-label="Data keys" className="numbers">{numberText(version.dataKeys ?? 0)}</td>
                  <td data-label="Created">{made && <When date={made} />}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </section>
  )
}

// As high as what will stand there.
function WaitingProvider () {
  return (
    <div className="stack" aria-busy="true">
      <LoadingWords what="tenant encryption" />
      <div className="setting">
        <span className="provider-icon" />
        <div className="stack-tight">
          <span className="setting-name"><Skeleton width={16} /></span>
          <Skeleton width={34} />
          <dl className="facts"><dt>Active since</dt><dd><Skeleton width={30} /></dd></dl>
        </div>
      </div>
      <div className="stack-tight">
        <h3>What it protects</h3>
        <Figures />
        <p className="small"><Skeleton width={60} /></p>
      </div>
    </div>
  )
}

function Current ({ provider, migration }: { provider: KeyProvider, migration: Migration | null | undefined }) {
  const usage = useResource(`usage ${provider.arnFingerPrint}`, () => loadUsage(provider.arnFingerPrint))
  const internal = isInternal(provider)
  const since = parseTime(provider.promotedToCurrentAt)
  const validated = parseTime(provider.validatedAt)
  const status = statusesOf(provider, migration)
  const replica = provider.replicaKeys?.[0]?.region
  return <>
    <div className="setting">
      <span className="provider-icon"><Icon of={internal ? LockKeyhole : KeyRound} /></span>
      <div className="stack-tight">
        <div className="row">
          <span className="setting-name">{provider.name}</span>
          {status.map(each => <span key={each.label} className={`badge ${each.look}`}>{each.label}</span>)}
          {status.length === 1 && <span className="badge good">Healthy</span>}
        </div>
        {provider.description && <p className="soft break">{provider.description}</p>}
        <dl className="facts">
          {!internal && <><dt>Key ARN</dt><dd><CopyLine text={provider.arn} shown={maskArn(provider.arn)} what="key ARN" /></dd></>}
          {!internal && <><dt>Region</dt><dd>{regionOf(provider)}{replica ? `, replica in ${replica}` : ''}</dd></>}
          <dt>Active since</dt><dd>{since ? <WhenAgo date={since} /> : 'the tenant was created'}</dd>
          {!internal && <><dt>Last validation</dt><dd>{validated ? <WhenAgo date={validated} /> : 'never'}</dd></>}
        </dl>
      </div>
    </div>
    {provider.attention && <Note look={provider.revokedAt ? 'bad' : 'warn'} title="Needs attention">{provider.attention}</Note>}
    {isUnfinished(migration) && (
      <Note title={`A migration is going on: ${migration.progress} %`}>
        {phaseText(migration)}. The tenant keeps working. <Link href="/settings/encryption">Watch it</Link>
      </Note>
    )}
    <Protected usage={usage} />
  </>
}

function Protected ({ usage }: { usage: Resource<ProviderUsage> }) {
  const keys = useResource('tenant-keys', loadTenantKeys)
  if (usage.error && !usage.data) return <Problem error={usage.error} retry={() => { void usage.reload() }} />
  return (
    <div className="stack-tight">
      <h3>What it protects</h3>
      <Figures usage={usage.data} keys={keys.data} />
      <p className="small faint">Values and data keys that applications keep themselves are protected too, and counted nowhere.</p>
    </div>
  )
}

function Figures ({ usage, keys }: { usage?: ProviderUsage | undefined, keys?: TenantKeys | undefined }) {
  const made = parseTime(keys?.versions.find(version => version.active)?.createdAt)
  const figure = (n: number | undefined) => n === undefined ? <Skeleton width={4} /> : numberText(n)
  return (
    <dl className="figures">
      <div><dt>Managed data keys</dt><dd>{figure(usage?.dataKeys)}</dd></div>
      <div><dt>Tenant key versions</dt><dd>{figure(usage?.tenantKeys)}</dd></div>
      <div title={made ? `Since ${utcText(made)} UTC` : undefined}><dt>Active version</dt><dd>{figure(keys?.activeVersion)}</dd></div>
      <div><dt>Set aside in quarantine</dt><dd>{figure(usage?.quarantined)}</dd></div>
    </dl>
  )
}

function TenantCard ({ tenant }: { tenant: Resource<Tenant> }) {
  const { session } = useSession()
  const created = parseTime(tenant.data?.createdAt)
  return (
    <section className="card" aria-labelledby="tenant">
      <div className="card-head"><h2 id="tenant">Tenant</h2></div>
      <div className="card-body">
        {tenant.error && !tenant.data
          ? <Problem error={tenant.error} retry={() => { void tenant.reload() }} />
          : <dl className="facts">
              <dt>Name</dt><dd>{tenant.data?.name ?? session.tenant?.name}</dd>
              <dt>Tenant ID</dt><dd>{session.tenant && <CopyLine text={session.tenant.id} what="tenant ID" />}</dd>
              <dt>Region</dt><dd>{tenant.data?.region ?? session.tenant?.region}</dd>
              <dt>Status</dt><dd>{tenant.data?.status ?? <Skeleton width={8} />}</dd>
              <dt>Created</dt><dd>{created ? <When date={created} /> : <Skeleton width={22} />}</dd>
            </dl>}
      </div>
    </section>
  )
}
