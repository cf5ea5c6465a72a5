import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { adviseArn, BACKUP_REGIONS, maskArn, parseArn } from './arn'

const MRK = 'arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab'
const SINGLE = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const ALIAS = 'arn:aws:kms:us-east-1:111122223333:alias/CMK-Example-Alias'

test('backup regions are those of the service', () => {
  const source = readFileSync(new URL('../../../src/aws/region.cc', import.meta.url), 'utf8')
  const table = /kPairs = \{\{([\s\S]*?)\}\};/.exec(source)?.[1] ?? ''
  const pairs = [...table.matchAll(/\{"([^"]*)", "([^"]*)"\}/g)].map(found => [found[1], found[2]])
  expect(Object.fromEntries(pairs)).toEqual(BACKUP_REGIONS)
})

test('key and alias ARNs are taken apart', () => {
  expect(parseArn(MRK)).toMatchObject({ region: 'us-east-1', account: '111122223333', multiRegion: true })
  expect(parseArn(SINGLE)).toMatchObject({ kind: 'key', multiRegion: false })
  expect(parseArn(ALIAS)).toMatchObject({ kind: 'alias', id: 'alias/CMK-Example-Alias' })
})

test('everything else is not an ARN of KMS', () => {
  for (const bad of ['', 'x', MRK.slice(0, -1), MRK + '0', MRK.replace('kms', 'iam'), MRK + ':',
    MRK.replace('111122223333', '11112222333'), MRK.replace('aws', 'Aws'), ' ' + MRK, MRK.toUpperCase(),
    MRK.replace('us-east-1', 'nowhere'), 'arn:aws:kms:us-east-1:111122223333:alias/' + 'a'.repeat(2048)]) {
    expect(parseArn(bad), bad).toBeUndefined()
  }
})

test('what is typed is answered at once', () => {
  expect(adviseArn('', 'us-east-1')).toEqual({})
  expect(adviseArn(` ${MRK} `, 'us-east-1').note).toContain('us-east-2')
  expect(adviseArn(MRK, 'eu-west-1').problem).toContain('the tenant is in eu-west-1')
  expect(adviseArn(MRK.replace('us-east-1', 'us-east-2'), 'us-east-1').problem).toContain('replica')
  expect(adviseArn(SINGLE, 'us-east-1').warning).toContain('multi-region')
  expect(adviseArn(SINGLE.replace('us-east-1', 'eu-north-1'), 'eu-north-1').warning).toBeUndefined()
  expect(adviseArn(ALIAS, 'us-east-1').note).toContain('alias')
  expect(adviseArn(ALIAS.replace('CMK', 'aws/CMK'), 'us-east-1').problem).toContain('AWS manages')
  expect(adviseArn('1234abcd-12ab-34cd-56ef-1234567890ab', 'us-east-1').problem).toContain('key id')
  expect(adviseArn('alias/mine', 'us-east-1').problem).toContain('alias name')
  expect(adviseArn('arn:aws:s3:::bucket', 'us-east-1').problem).toContain('s3')
  expect(adviseArn('arn:aws:kms:us-east-1:1:key', 'us-east-1').problem).toContain('twelve')
})

test('a masked ARN shows neither account nor key', () => {
  expect(maskArn(MRK)).toBe('arn:aws:kms:us-east-1:••••3333:key/mrk-…90ab')
  expect(maskArn(ALIAS)).toContain('alias/CMK-Example-Alias')
  expect(maskArn(ALIAS)).not.toContain('111122223333')
  expect(maskArn('#QLIK_MANAGED_KEY_PROVIDER#')).toBe('#QLIK_MANAGED_KEY_PROVIDER#')
})
