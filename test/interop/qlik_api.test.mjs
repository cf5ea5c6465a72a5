// The JavaScript client of Qlik's APIs, unmodified, drives key providers and migrations. It was not
// written by us, so what it sends and takes is what their callers do. TENANTSEAL_BIN and
// TENANTSEAL_EMULATOR name the binaries under test.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as kms from '@aws-sdk/client-kms'
import { auth, encryption } from '@qlik/api'

const BINARY = process.env.TENANTSEAL_BIN ?? '../../build/release/bin/tenantseal'
const EMULATOR = process.env.TENANTSEAL_EMULATOR ?? '../../build/release/bin/tenantseal-aws-emulator'
const OPERATOR = 'operator-key-of-the-qlik-api-test'
const ADMIN = { accessKeyId: 'AKIACUSTOMERADMIN001', secretAccessKey: 'customer-admin-secret' }
const ROLE = 'arn:aws:iam::338144066592:role/byok-encryption-proxy-role'
const NEVER = '0001-01-01T00:00:00Z'
const ENCRYPTION = '/api/v1/encryption'
const NO_CACHE = { noCache: true }
let directory, emulator, server, aws, base, tenantId, adminKey, contentKey, sealed

function freePort () {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

async function start (binary, args, health, environment = {}) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const path = join(directory, `log-${port}`)
  const log = openSync(path, 'w')
  const child = spawn(binary, [...args, '--listen', `127.0.0.1:${port}`],
    { env: { ...process.env, ...environment }, stdio: ['ignore', log, log] })
  for (let i = 0; i < 500 && child.exitCode === null; i++) {
    try {
      if ((await fetch(url + health)).ok) return [child, url]
    } catch { /* Not listening yet. */ }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`${binary} did not start:\n${await readFile(path, 'utf8')}`)
}

// What @qlik/api has no function for.
async function call (method, path, key, body) {
  const answer = await fetch(base + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body)
  })
  const text = await answer.text()
  return { status: answer.status, body: text && JSON.parse(text) }
}

const kmsClient = region => new kms.KMSClient({ endpoint: aws, region, credentials: ADMIN, maxAttempts: 1 })

async function emulate (path, body) {
  const answer = await fetch(`${aws}/_emulator/${path}`, { method: 'POST', body: JSON.stringify(body) })
  assert.ok(answer.ok, await answer.text())
}

// The customer's own access, and the statements that the service itself asks for.
async function policyFor (actions) {
  const { body } = await call('GET', `${ENCRYPTION}/key-policy`, adminKey)
  const use = body.find(statement => [].concat(statement.Action).includes('kms:Encrypt'))
  use.Action = use.Action.filter(action => actions.includes(action))
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*', Resource: '*' }, ...body]
  })
}

// A key as a customer makes it, for this tenant.
async function newKey ({ multiRegion = true, region = 'us-east-1', backup = 'us-east-2',
  actions = ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey'], backupActions = actions } = {}) {
  const { KeyMetadata: { KeyId, Arn } } = await kmsClient(region).send(
    new kms.CreateKeyCommand({ MultiRegion: multiRegion, Policy: await policyFor(actions) }))
  if (multiRegion) {
    await kmsClient(region).send(new kms.ReplicateKeyCommand(
      { KeyId, ReplicaRegion: backup, Policy: await policyFor(backupActions) }))
  }
  return Arn
}

const create = (arn, more = {}) =>
  encryption.createEncryptionKeyprovider({ name: 'CMK', arn, keyprovider: 'AWS-KMS', ...more })
const details = async () => (await encryption.getEncryptionKeyprovidersMigrationDetails(NO_CACHE)).data

async function refused (promise, status, code) {
  await assert.rejects(promise, error => {
    assert.equal(error.status, status, JSON.stringify(error.data))
    assert.equal(error.data.errors[0].code, code)
    assert.ok(error.data.errors[0].title)
    return true
  })
}

async function completed (id) {
  for (let i = 0; i < 1200; i++) {
    const migration = await details()
    assert.equal(migration.id, id)
    assert.ok(['New', 'InProgress', 'Completed'].includes(migration.state), JSON.stringify(migration))
    assert.equal(migration.substate, undefined, JSON.stringify(migration))
    if (migration.state === 'Completed') return migration
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`the migration does not end: ${JSON.stringify(await details())}`)
}

async function stillOpens () {
  const { status, body } = await call('POST', `${ENCRYPTION}/values/actions/open`, contentKey, { ciphertext: sealed })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.plaintext, 'aGVsbG8=')
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenantseal-qlik-'));
  [emulator, aws] = await start(EMULATOR, [], '/_emulator/health');
  [server, base] = await start(BINARY,
    ['serve', '--data-dir', join(directory, 'data'), '--aws-role-arn', ROLE, '--migration-rate', '50'], '/healthz', {
      TENANTSEAL_OPERATOR_KEY: OPERATOR,
      AWS_ENDPOINT_URL: aws,
      AWS_ACCESS_KEY_ID: 'AKIATENANTSEALSVC001',
      AWS_SECRET_ACCESS_KEY: 'tenantseal-service-secret'
    })
  tenantId = (await call('POST', '/api/v1/tenants', OPERATOR, { name: 'Qlik', region: 'us-east-1' })).body.id
  const key = async role =>
    (await call('POST', '/api/v1/api-keys', OPERATOR, { description: role, role, tenantId })).body.token
  adminKey = await key('TenantAdmin')
  contentKey = await key('ContentService')
  sealed = (await call('POST', `${ENCRYPTION}/values/actions/seal`, contentKey, { plaintext: 'aGVsbG8=' })).body.ciphertext
  auth.setDefaultHostConfig({ host: base, authType: 'apikey', apiKey: adminKey })
})

after(async () => {
  for (const child of [server, emulator]) {
    if (!child || child.exitCode !== null) continue
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await rm(directory, { recursive: true, force: true })
})

test('a tenant has the internal KMS, and no key provider in AWS', async () => {
  const { status, data } = await encryption.listEncryptionKeyproviders(NO_CACHE)
  assert.equal(status, 200)
  assert.equal(data.length, 1)
  assert.equal(data[0].arn, '#QLIK_MANAGED_KEY_PROVIDER#')
  assert.equal(data[0].keyprovider, 'Qlik')
  assert.equal(data[0].arnFingerPrint, tenantId)
  assert.equal(data[0].current, true)
  assert.equal(data[0].createdAt, 'Qlik managed')
  assert.deepEqual((await encryption.getEncryptionKeyproviders(NO_CACHE)).data, [])
  await refused(encryption.getEncryptionKeyprovidersMigrationDetails(NO_CACHE), 404, 'Encryption-46')
  const already = await encryption.resetEncryptionKeyproviders()
  assert.equal(already.status, 200)
  assert.equal(already.data.message, 'Tenant is already using Qlik KMS, no migration is required.')
})

test('create, list, get, patch, test, delete', async () => {
  const arn = await newKey()
  const made = await create(arn, { description: 'of the payroll department' })
  assert.equal(made.status, 201)
  const { arnFingerPrint } = made.data
  assert.match(arnFingerPrint, /^[0-9a-f]{32}$/)
  assert.equal(made.data.arn, arn)
  assert.equal(made.data.tenantId, tenantId)
  assert.equal(made.data.current, false)
  assert.equal(made.data.promotedToCurrentAt, NEVER)
  assert.equal(made.data.demotedFromCurrentAt, NEVER)
  assert.match(made.data.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.equal(made.data.multiRegion, true)
  assert.equal(made.data.drCompliant, true)
  assert.deepEqual(made.data.replicaKeys, [{ arn: arn.replace('us-east-1', 'us-east-2'), region: 'us-east-2' }])
  assert.deepEqual(made.data.complianceError, [{ code: '', region: '', message: '' }])
  await refused(create(arn), 409, 'Encryption-21')

  const list = await encryption.getEncryptionKeyproviders()
  assert.deepEqual(list.data.map(each => each.arn), [arn])
  assert.ok(!('current' in list.data[0]))
  assert.deepEqual(list.data[0].complianceError, { code: '', region: '', message: '' })

  const patched = await encryption.patchEncryptionKeyprovider(arnFingerPrint,
    [{ op: 'replace', path: '/name', value: 'New Encryption Key' }])
  assert.equal(patched.status, 204)
  assert.equal((await encryption.getEncryptionKeyprovider(arnFingerPrint, NO_CACHE)).data.name, 'New Encryption Key')
  await refused(encryption.patchEncryptionKeyprovider(arnFingerPrint, [{ op: 'replace', path: '/arn', value: 'x' }]),
    400, 'Encryption-10')

  const tested = await encryption.testEncryptionKeyprovider(arnFingerPrint)
  assert.equal(tested.status, 201)
  assert.equal(tested.data.arnFingerPrint, arnFingerPrint)
  assert.equal(tested.data.drCompliant, true)

  const gone = await encryption.deleteEncryptionKeyprovider(arnFingerPrint)
  assert.equal(gone.status, 204)
  await refused(encryption.getEncryptionKeyprovider(arnFingerPrint, NO_CACHE), 404, 'Encryption-11')
  await refused(encryption.deleteEncryptionKeyprovider(arnFingerPrint), 404, 'Encryption-11')
  await refused(encryption.getEncryptionKeyprovider('0'.repeat(65), NO_CACHE), 414, 'Encryption-12')
})

test('a key that does not fit is refused, and says how to mend it', async () => {
  await refused(create('arn:aws:s3:::bucket'), 417, 'Encryption-20')
  await refused(create(await newKey({ region: 'eu-west-1', backup: 'eu-west-3' })), 406, 'Encryption-22')
  await refused(create(await newKey({ multiRegion: false })), 406, 'Encryption-25')
  const denied = await newKey({ actions: ['kms:GenerateDataKey', 'kms:Encrypt'] })
  await assert.rejects(create(denied), error => {
    assert.equal(error.status, 403)
    const [{ code, meta }] = error.data.errors
    assert.equal(code, 'Encryption-88')
    assert.equal(meta.checks.find(check => check.outcome === 'fail').code, 'Encryption-88')
    return true
  })
  await refused(encryption.createEncryptionKeyprovider({ arn: denied, keyprovider: 'AWS-KMS' }), 400, 'Encryption-10')
  const good = await newKey()
  await emulate('faults', { kind: 'black-hole', service: 'kms' })
  try {
    await refused(create(good), 408, 'Encryption-27')
  } finally {
    await emulate('faults', { clear: true })
  }
  assert.deepEqual((await encryption.getEncryptionKeyproviders(NO_CACHE)).data, [])
})

test('only a tenant\'s admin may', async () => {
  const as = apiKey => ({ ...NO_CACHE, hostConfig: { host: base, authType: 'apikey', apiKey } })
  await refused(encryption.listEncryptionKeyproviders(as(contentKey)), 403, 'permission-denied')
  await refused(encryption.listEncryptionKeyproviders(as('tsk_nobody-nobody')), 401, 'unauthenticated')
})

test('migrate, refuse what does not go together, reset, delete', async () => {
  const arn = await newKey()
  const { arnFingerPrint } = (await create(arn)).data
  // Enough for the migration to last until it is paused.
  const many = await call('POST', `${ENCRYPTION}/data-keys`, contentKey, { managed: true, count: 150, plaintext: false })
  assert.equal(many.status, 201)
  const started = await encryption.migrateEncryptionKeyprovider(arnFingerPrint)
  assert.equal(started.status, 200)
  assert.equal(started.data.state, 'New')
  assert.equal(started.data.completedAt, NEVER)
  assert.equal(started.data.migratingTo, arn)
  assert.equal(started.data.migratingToFingerprint, arnFingerPrint)
  assert.equal(started.data.migratingToFingerPrint, arnFingerPrint)
  assert.equal(started.data.migrationId, started.data.id)
  assert.equal(started.data.migratingToPrefix, `#BYOKv1#:${arnFingerPrint}`)
  const paused = await call('POST', `${ENCRYPTION}/keyproviders/migration/actions/pause`, adminKey)
  assert.equal(paused.body.substate, 'Paused', JSON.stringify(paused.body))
  await refused(encryption.migrateEncryptionKeyprovider(arnFingerPrint), 428, 'Encryption-44')
  await refused(encryption.resetEncryptionKeyproviders(), 406, 'Encryption-45')
  await refused(encryption.deleteEncryptionKeyprovider(arnFingerPrint), 424, 'Encryption-40')
  await stillOpens()
  await call('POST', `${ENCRYPTION}/keyproviders/migration/actions/resume`, adminKey, {})

  const done = await completed(started.data.id)
  assert.equal(done.progress, 100)
  assert.notEqual(done.completedAt, NEVER)
  const all = (await encryption.listEncryptionKeyproviders(NO_CACHE)).data
  assert.deepEqual(all.map(each => Boolean(each.current)), [false, true])
  assert.equal(all[0].demotedFromCurrentAt, all[1].promotedToCurrentAt)
  await stillOpens()
  await refused(encryption.migrateEncryptionKeyprovider(arnFingerPrint), 424, 'Encryption-48')
  await refused(encryption.deleteEncryptionKeyprovider(arnFingerPrint), 424, 'Encryption-40')

  // Neither the key nor its replica answers: nothing begins.
  await emulate('faults', { kind: 'refuse', service: 'kms' })
  try {
    await refused(encryption.resetEncryptionKeyproviders(), 412, 'Encryption-43')
  } finally {
    await emulate('faults', { clear: true })
  }
  assert.equal((await details()).id, started.data.id)

  const reset = await encryption.resetEncryptionKeyproviders()
  assert.equal(reset.status, 205)
  const back = await details()
  assert.notEqual(back.id, started.data.id)
  assert.equal(back.migratingTo, '#QLIK_MANAGED_KEY_PROVIDER#')
  await completed(back.id)
  await stillOpens()
  const usage = await call('GET', `${ENCRYPTION}/keyproviders/${arnFingerPrint}/usage`, adminKey)
  assert.equal(usage.body.tenantKeys, 0)
  assert.equal((await encryption.deleteEncryptionKeyprovider(arnFingerPrint)).status, 204)
})

test('a target that is disabled since is refused before anything changes', async () => {
  const arn = await newKey()
  const { arnFingerPrint } = (await create(arn)).data
  const kept = await details()
  await kmsClient('us-east-1').send(new kms.DisableKeyCommand({ KeyId: arn }))
  await refused(encryption.migrateEncryptionKeyprovider(arnFingerPrint), 424, 'Encryption-41')
  assert.deepEqual(await details(), kept)
  const tested = await encryption.testEncryptionKeyprovider(arnFingerPrint)
  assert.equal(tested.status, 201)
  assert.equal(tested.data.complianceError[0].code, 'Encryption-24')
})
