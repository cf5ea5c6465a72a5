// Short names for what the API's document describes.
import type { components } from '../../generated/schema'

type Schemas = components['schemas']
export type KeyProvider = Schemas['KeyProvider']
export type Migration = Schemas['MigrationInformation']
export type MigrationPlan = Schemas['MigrationPlan']
export type ValidationReport = Schemas['ValidationReport']
export type ValidationCheck = Schemas['ValidationCheck']
export type ProviderUsage = Schemas['ProviderUsage']
export type Tenant = Schemas['Tenant']
export type TenantKeys = Schemas['TenantKeys']
export type ApiKey = Schemas['ApiKey']
export type Audit = Schemas['Audit']
export type ChainCheck = Schemas['AuditChain']['data']
export type Role = Schemas['Role']
