import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { createKeyCommands, parseStatements, putPolicyCommands, usesPlaceholderAccount, wholePolicy } from './key_policy'

const STATEMENTS = [{ Sid: "Enable Tenantseal's roles", Effect: 'Allow', Action: ['kms:Encrypt'] }]
const ARN = 'arn:aws:kms:us-east-1:444455556666:key/mrk-1234abcd12ab34cd56ef1234567890ab'

test('a whole policy keeps the account in charge and adds the statements', () => {
  const policy = JSON.parse(wholePolicy(STATEMENTS, '444455556666', 'aws-us-gov'))
  expect(policy.Statement[0].Principal.AWS).toBe('arn:aws-us-gov:iam::444455556666:root')
  expect(policy.Statement[1]).toEqual(STATEMENTS[0])
})

test('commands name the typed key, both regions and the policy', () => {
  const text = putPolicyCommands(STATEMENTS, ARN, 'us-east-1')
  expect(text).toContain('--region us-east-1 --key-id mrk-1234abcd12ab34cd56ef1234567890ab')
  expect(text).toContain('--region us-east-2 --key-id mrk-1234abcd12ab34cd56ef1234567890ab')
  expect(text).toContain('arn:aws:iam::444455556666:root')
  expect(usesPlaceholderAccount(ARN, 'us-east-1')).toBe(false)
  expect(usesPlaceholderAccount('', 'us-east-1')).toBe(true)
})

test('an alias is resolved before its policy is put', () => {
  const text = putPolicyCommands(STATEMENTS, 'arn:aws:kms:us-east-1:444455556666:alias/mine', 'us-east-1')
  expect(text).toContain('describe-key --region us-east-1 --key-id alias/mine')
  expect(text).toContain('--region us-east-2 --key-id "$KEY_ID"')
})

test('a region without a backup region gets no replica', () => {
  expect(createKeyCommands(STATEMENTS, '', 'eu-north-1')).not.toContain('replicate-key')
  expect(createKeyCommands(STATEMENTS, '', 'eu-north-1')).not.toContain('--multi-region')
  expect(createKeyCommands(STATEMENTS, '', 'us-east-1')).toContain('--replica-region us-east-2')
})

test('a shell reads the commands as they are meant, apostrophes and all', () => {
  const script = 'aws () { printf "%s\\n" "$*"; }\n' + createKeyCommands(STATEMENTS, ARN, 'us-east-1') +
    '\ncat key-policy.json'
  const output = execFileSync('bash', ['-euc', `cd "$(mktemp -d)"\n${script}`], { encoding: 'utf8' })
  expect(output).toContain('kms replicate-key --region us-east-1 --key-id kms create-key')
  expect(output).toContain("Enable Tenantseal's roles")
})

test('statements are read from an array or a whole policy, and from nothing else', () => {
  expect(parseStatements(JSON.stringify(STATEMENTS))).toEqual(STATEMENTS)
  expect(parseStatements(wholePolicy(STATEMENTS, '1', 'aws'))).toHaveLength(2)
  for (const bad of ['', 'null', '3', '{}', '[1,"a"]', '{"Statement":3}']) expect(parseStatements(bad)).toEqual([])
})
