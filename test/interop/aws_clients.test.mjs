// AWS's own JavaScript clients, and its Encryption SDK, drive the emulator of AWS. They were not written by
// us, so what they accept is what AWS says. TENANTSEAL_EMULATOR names the binary under test.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { randomBytes } from 'node:crypto'
import { CloudTrailClient, LookupEventsCommand } from '@aws-sdk/client-cloudtrail'
import * as kms from '@aws-sdk/client-kms'
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { buildAwsKmsMrkAwareStrictMultiKeyringNode, buildClient, CommitmentPolicy } from '@aws-crypto/client-node'

const BINARY = process.env.TENANTSEAL_EMULATOR ?? '../../build/release/bin/tenantseal-aws-emulator'
const ADMIN = { accessKeyId: 'AKIACUSTOMERADMIN001', secretAccessKey: 'customer-admin-secret' }
const SERVICE = { accessKeyId: 'AKIATENANTSEALSVC001', secretAccessKey: 'tenantseal-service-secret' }
const ROLE = 'arn:aws:iam::338144066592:role/byok-encryption-proxy-role'
const TENANT = 'a'.repeat(32)
let emulator, endpoint

const client = (type, region, credentials = ADMIN) =>
  new type({ endpoint, region, credentials, maxAttempts: 1 })
const kmsClient = (region, credentials) => client(kms.KMSClient, region, credentials)

async function freePort () {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

async function admin (path, body) {
  const answer = await fetch(`${endpoint}/_emulator/${path}`, { method: 'POST', body: JSON.stringify(body) })
  assert.ok(answer.ok, await answer.text())
}

const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*', Resource: '*' },
    { Effect: 'Allow', Principal: { AWS: ROLE }, Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey'], Resource: '*',
      Condition: { StringEquals: { 'kms:EncryptionContext:TenantId': [TENANT] } } }]
})

// A multi-region key with a replica, both with the policy above.
async function multiRegionKey () {
  const primary = kmsClient('us-east-1')
  const { KeyMetadata: { KeyId, Arn } } = await primary.send(new kms.CreateKeyCommand({ MultiRegion: true, Policy: policy }))
  await primary.send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: 'us-east-2', Policy: policy }))
  return { id: KeyId, primary: Arn, replica: Arn.replace('us-east-1', 'us-east-2') }
}

async function session () {
  const sts = client(STSClient, 'us-east-1', SERVICE)
  const { Credentials: c } = await sts.send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'javascript' }))
  return { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken }
}

before(async () => {
  const port = await freePort()
  endpoint = `http://127.0.0.1:${port}`
  emulator = spawn(BINARY, ['--listen', `127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  for (let i = 0; i < 500 && emulator.exitCode === null; i++) {
    try {
      if ((await fetch(`${endpoint}/_emulator/health`)).ok) return
    } catch { /* Not listening yet. */ }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error('the emulator did not start')
})

after(() => emulator?.kill('SIGTERM'))

test('client-sts: a role is assumed, and the session is who it says', async () => {
  const credentials = await session()
  const identity = await client(STSClient, 'eu-west-1', credentials).send(new GetCallerIdentityCommand({}))
  assert.equal(identity.Arn, 'arn:aws:sts::338144066592:assumed-role/byok-encryption-proxy-role/javascript')
  await assert.rejects(client(STSClient, 'us-east-1').send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'other' })),
    { name: 'AccessDenied' })
})

test('client-kms: the session uses the key for its tenant and for nothing else', async () => {
  const key = await multiRegionKey()
  const service = kmsClient('us-east-1', await session())
  const EncryptionContext = { TenantId: TENANT }
  const made = await service.send(new kms.GenerateDataKeyCommand({ KeyId: key.primary, KeySpec: 'AES_256', EncryptionContext }))
  assert.equal(made.Plaintext.length, 32)
  for (const [region, KeyId] of [['us-east-1', key.primary], ['us-east-2', key.replica]]) {
    const opened = await kmsClient(region, await session()).send(
      new kms.DecryptCommand({ KeyId, CiphertextBlob: made.CiphertextBlob, EncryptionContext }))
    assert.deepEqual(opened.Plaintext, made.Plaintext)
    assert.equal(opened.KeyId, KeyId)
  }
  const refused = async (input, name) => assert.rejects(service.send(new kms.EncryptCommand({
    KeyId: key.primary, Plaintext: Buffer.from('x'), EncryptionContext, ...input })), { name })
  await refused({ EncryptionContext: { TenantId: 'b'.repeat(32) } }, 'AccessDeniedException')
  await refused({ EncryptionContext: undefined }, 'AccessDeniedException')
  await refused({ Plaintext: Buffer.alloc(4097) }, 'ValidationException')
  await assert.rejects(service.send(new kms.DecryptCommand({ CiphertextBlob: Buffer.from('not a blob') })),
    { name: 'InvalidCiphertextException' })
  await kmsClient('us-east-1').send(new kms.DisableKeyCommand({ KeyId: key.id }))
  await refused({}, 'DisabledException')
})

test('client-cloudtrail: who did what is there to be looked up', async () => {
  const key = await multiRegionKey()
  const administrator = kmsClient('us-east-1')
  const { $metadata } = await administrator.send(new kms.EncryptCommand({
    KeyId: key.primary, Plaintext: Buffer.from('x'), EncryptionContext: { TenantId: TENANT } }))
  const { Events } = await client(CloudTrailClient, 'us-east-1').send(new LookupEventsCommand({
    LookupAttributes: [{ AttributeKey: 'ResourceName', AttributeValue: key.primary }] }))
  const found = Events.find(e => e.EventName === 'Encrypt')
  const record = JSON.parse(found.CloudTrailEvent)
  assert.equal(record.requestID, $metadata.requestId)
  assert.deepEqual(record.requestParameters.encryptionContext, { TenantId: TENANT })
  assert.ok(!found.CloudTrailEvent.includes('laintext'))
  const other = await client(CloudTrailClient, 'us-east-2').send(new LookupEventsCommand({
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'Encrypt' }] }))
  assert.equal(other.Events.filter(e => e.CloudTrailEvent.includes(key.primary)).length, 0)
})

test('client-node: a message sealed under a multi-region key opens by its replica while the primary is down', async () => {
  const key = await multiRegionKey()
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
  const clientProvider = region => client(kms.KMS, region)
  const context = { TenantId: TENANT, purpose: 'archive' }
  const plaintext = randomBytes(100_000)
  const sealed = await encrypt(buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, generatorKeyId: key.primary }),
    plaintext, { encryptionContext: context })
  await admin('faults', { kind: 'region-down', region: 'us-east-1' })
  try {
    await assert.rejects(decrypt(buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, keyIds: [key.primary] }), sealed.result))
    const opened = await decrypt(buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, keyIds: [key.replica] }), sealed.result)
    assert.ok(opened.plaintext.equals(plaintext))
    assert.equal(opened.messageHeader.encryptionContext.TenantId, TENANT)
  } finally {
    await admin('faults', { clear: true })
  }
  const again = await decrypt(buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, keyIds: [key.primary] }), sealed.result)
  assert.ok(again.plaintext.equals(plaintext))
})
