// What a key provider's card says, and what may be done with it and why not.
import type { KeyProvider, Migration } from '../api/types'
import { isUnfinished } from './progress'

export type StatusLook = 'good' | 'warn' | 'bad' | 'busy' | 'idle'
export interface Status { label: string, look: StatusLook }

export const isInternal = (provider: KeyProvider): boolean => provider.keyprovider !== 'AWS-KMS'

export function providerTitle (provider: KeyProvider): string { return provider.name }

export function isTarget (provider: KeyProvider, migration: Migration | null | undefined): boolean {
  return isUnfinished(migration) && migration.migratingToFingerprint === provider.arnFingerPrint
}

// The worst news last: a key that refuses needs attention whatever else it is.
export function statusesOf (provider: KeyProvider, migration: Migration | null | undefined): Status[] {
  const statuses: Status[] = []
  if (provider.current) statuses.push({ label: 'Active', look: 'good' })
  else if (isTarget(provider, migration)) statuses.push({ label: 'Migrating', look: 'busy' })
  else statuses.push({ label: 'Inactive', look: 'idle' })
  if (provider.revokedAt !== undefined || provider.validation === 'fail') statuses.push({ label: 'Attention', look: 'bad' })
  else if (provider.attention !== undefined) statuses.push({ label: 'Attention', look: 'warn' })
  return statuses
}

export interface Allowed { migrate?: string | undefined, validate?: string | undefined, edit?: string | undefined, delete?: string | undefined }

// Why not; undefined where it may be done.
export function refusals (provider: KeyProvider, migration: Migration | null | undefined, admin: boolean): Allowed {
  if (!admin) {
    const why = 'Your role may only read.'
    return { migrate: why, validate: why, edit: why, delete: why }
  }
  const ongoing = isUnfinished(migration)
  const involved = ongoing && [migration.migratingToFingerprint, migration.migratingFromFingerprint]
    .includes(provider.arnFingerPrint)
  const internal = isInternal(provider)
  return {
    migrate: provider.current
      ? 'This is the active key provider.'
      : ongoing ? 'A migration is going on.' : undefined,
    validate: internal ? 'The internal KMS has no key in AWS to validate.' : undefined,
    edit: internal ? 'The internal KMS keeps its name.' : undefined,
    delete: internal
      ? 'The default key provider cannot be deleted.'
      : provider.current
        ? 'The active key provider cannot be deleted; migrate to another first.'
        : involved ? 'A migration leads from or to it.' : undefined
  }
}

// Its region, from its ARN.
export const regionOf = (provider: KeyProvider): string => provider.arn.split(':')[3] ?? ''
