// The calls of tenant encryption. Fingerprints are the service's own and safe in a path.
import { api, result, send } from '../api/client'
import { ApiError } from '../api/errors'
import type { KeyProvider, Migration, MigrationPlan, ProviderUsage, Tenant, TenantKeys, ValidationReport } from '../api/types'

const KEY_PROVIDERS = '/api/v1/encryption/keyproviders'
export const MIGRATION_STREAM = `${KEY_PROVIDERS}/migration/stream`

export const listProviders = (): Promise<KeyProvider[]> =>
  result(api.GET('/api/v1/encryption/keyproviders/actions/list'))

// null: this tenant never migrated.
export async function loadMigration (): Promise<Migration | null> {
  try {
    return await result(api.GET('/api/v1/encryption/keyproviders/migration/actions/details'))
  } catch (problem) {
    if (problem instanceof ApiError && problem.status === 404) return null
    throw problem
  }
}

const at = (arnFingerPrint: string) => ({ params: { path: { arnFingerPrint } } })

export const loadUsage = (fingerprint: string): Promise<ProviderUsage> =>
  result(api.GET('/api/v1/encryption/keyproviders/{arnFingerPrint}/usage', at(fingerprint)))
export const loadValidation = (fingerprint: string): Promise<ValidationReport> =>
  result(api.GET('/api/v1/encryption/keyproviders/{arnFingerPrint}/validation', at(fingerprint)))
export const loadTenantKeys = (): Promise<TenantKeys> => result(api.GET('/api/v1/encryption/tenant-keys'))
export const loadOwnTenant = (): Promise<Tenant> => result(api.GET('/api/v1/tenants/me'))
export const loadKeyPolicy = (): Promise<object[]> =>
  result(api.GET('/api/v1/encryption/key-policy')) as Promise<object[]>

// Validates, keeps the report, and gives it.
export async function validateProvider (fingerprint: string): Promise<ValidationReport> {
  await result(api.POST('/api/v1/encryption/keyproviders/{arnFingerPrint}/actions/test', at(fingerprint)))
  return loadValidation(fingerprint)
}
export const validateArn = (arn: string): Promise<ValidationReport> =>
  result(api.POST('/api/v1/encryption/keyproviders/actions/validate', { body: { arn } }))

export interface NewProvider { arn: string, name: string, description: string }
export const createProvider = ({ arn, name, description }: NewProvider): Promise<KeyProvider> =>
  result(api.POST('/api/v1/encryption/keyproviders',
    { body: { arn, name, keyprovider: 'AWS-KMS', ...(description === '' ? {} : { description }) } }))

export const patchProvider = (fingerprint: string, name: string, description: string): Promise<unknown> =>
  result(api.PATCH('/api/v1/encryption/keyproviders/{arnFingerPrint}', {
    ...at(fingerprint),
    body: [{ op: 'replace', path: '/name', value: name }, { op: 'replace', path: '/description', value: description }]
  }))
export const deleteProvider = (fingerprint: string): Promise<unknown> =>
  result(api.DELETE('/api/v1/encryption/keyproviders/{arnFingerPrint}', at(fingerprint)))

export const planMigration = (arnFingerPrint: string): Promise<MigrationPlan> =>
  result(api.POST('/api/v1/encryption/keyproviders/migration/actions/plan', { body: { arnFingerPrint } }))
export const startMigration = (fingerprint: string): Promise<Migration> =>
  result(api.POST('/api/v1/encryption/keyproviders/{arnFingerPrint}/actions/migrate', at(fingerprint)))

export interface Acceptance { acceptSourceRefusal?: boolean, acceptQuarantine?: boolean }
export const pauseMigration = (): Promise<Migration> => send('POST', `${KEY_PROVIDERS}/migration/actions/pause`)
export const cancelMigration = (): Promise<Migration> => send('POST', `${KEY_PROVIDERS}/migration/actions/cancel`)
export const resumeMigration = (accept: Acceptance = {}): Promise<Migration> =>
  send('POST', `${KEY_PROVIDERS}/migration/actions/resume`, accept)

export interface Quarantined { id: string, tenantKeyVersion: number, since: string, reason: string }
export const listQuarantine = (): Promise<{ data: Quarantined[], links: { next?: { href: string } } }> =>
  send('GET', `${KEY_PROVIDERS}/migration/quarantine?limit=100`)
export const retryQuarantine = (): Promise<{ released: number }> =>
  send('POST', `${KEY_PROVIDERS}/migration/quarantine/actions/retry`)
