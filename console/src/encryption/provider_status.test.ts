import { expect, test } from 'vitest'
import { refusals, regionOf, statusesOf } from './provider_status'
import type { KeyProvider, Migration } from '../api/types'

const internal: KeyProvider = { arn: '#QLIK_MANAGED_KEY_PROVIDER#', name: 'Internal', keyprovider: 'Qlik', tenantId: 't', arnFingerPrint: 't', current: true }
const aws: KeyProvider = { arn: 'arn:aws:kms:us-east-1:1:key/a', name: 'Ours', keyprovider: 'AWS-KMS', tenantId: 't', arnFingerPrint: 'f' }
const migration: Migration = { id: 'm', tenantId: 't', state: 'InProgress', progress: 1, migratingFromFingerprint: 't', migratingToFingerprint: 'f' }
const labels = (...args: Parameters<typeof statusesOf>): string[] => statusesOf(...args).map(status => status.label)

test('a card says active, inactive, migrating, attention', () => {
  expect(labels(internal, null)).toEqual(['Active'])
  expect(labels(aws, null)).toEqual(['Inactive'])
  expect(labels(aws, migration)).toEqual(['Migrating'])
  expect(labels(aws, { ...migration, state: 'Completed' })).toEqual(['Inactive'])
  expect(labels({ ...aws, attention: 'Look.' }, null)).toEqual(['Inactive', 'Attention'])
  expect(statusesOf({ ...aws, current: true, revokedAt: '2026-01-01T00:00:00Z' }, null)[1]?.look).toBe('bad')
})

test('the default provider is never deleted, the current never migrated to', () => {
  const of = refusals(internal, null, true)
  expect(of.delete).toContain('default')
  expect(of.migrate).toContain('active')
  expect(refusals({ ...internal, current: false }, null, true).migrate).toBeUndefined()
  expect(refusals({ ...internal, current: false }, null, true).delete).toContain('default')
})

test('an inactive key may be everything, but not while a migration needs it', () => {
  expect(refusals(aws, null, true)).toEqual({})
  const during = refusals(aws, migration, true)
  expect(during.migrate).toContain('going on')
  expect(during.delete).toContain('migration')
  expect(during.validate).toBeUndefined()
  expect(refusals({ ...aws, current: true }, null, true).delete).toContain('active')
})

test('who may only read may do nothing', () => {
  expect(Object.values(refusals(aws, null, false)).every(why => why?.includes('read'))).toBe(true)
})

test('the region is that of the ARN', () => {
  expect(regionOf(aws)).toBe('us-east-1')
  expect(regionOf(internal)).toBe('')
})
