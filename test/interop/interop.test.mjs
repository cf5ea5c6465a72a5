// The AWS Encryption SDK for JavaScript and the command line read each other's content, with data
// keys from a running service. TENANTSEAL_BIN names the binary under test.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy } from '@aws-crypto/client-node'
import { TenantsealKeyring } from './keyring.mjs'

const BINARY = process.env.TENANTSEAL_BIN ?? '../../build/release/bin/tenantseal'
const OPERATOR = 'operator-key-of-the-interop-test'
const SIZES = [0, 1, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, 3 << 20]
const CONTEXTS = [{}, { purpose: 'archive', 'naïve key': 'Grüße 🙂' }]
// Without signature: the default would add a key of its own to the context, and a footer.
const SUITE = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const run = promisify(execFile)

let directory, server, base, tenantId, environment, keyring

function freePort () {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

async function ready () {
  for (let i = 0; i < 500; i++) {
    if (server.exitCode !== null) break
    try {
      if ((await fetch(`${base}/healthz`)).ok) return
    } catch { /* Not listening yet. */ }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`the server did not start:\n${await readFile(join(directory, 'log'), 'utf8')}`)
}

async function post (path, body) {
  const answer = await fetch(base + path, {
    method: 'POST',
    headers: { Authorization: `Bearer ${OPERATOR}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body)
  })
  assert.equal(answer.status, 201)
  return answer.json()
}

const contextArguments = context => Object.entries(context).flatMap(([k, v]) => ['--context', `${k}=${v}`])
const command = (...args) => run(BINARY, args, { env: environment })

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenantseal-interop-'))
  const port = await freePort()
  base = `http://127.0.0.1:${port}`
  const log = openSync(join(directory, 'log'), 'w')
  server = spawn(BINARY, ['serve', '--data-dir', join(directory, 'data'), '--listen', `127.0.0.1:${port}`],
    { env: { ...process.env, TENANTSEAL_OPERATOR_KEY: OPERATOR }, stdio: ['ignore', log, log] })
  await ready()
  tenantId = (await post('/api/v1/tenants', { name: 'Interop', region: 'us-east-1' })).id
  const { token } = await post('/api/v1/api-keys', { description: 'interop', role: 'ContentService', tenantId })
  environment = { ...process.env, TENANTSEAL_SERVER: base, TENANTSEAL_API_KEY: token }
  keyring = new TenantsealKeyring({ server: base, apiKey: token, tenantId })
})

after(async () => {
  if (server && server.exitCode === null) {
    const gone = new Promise(resolve => server.once('exit', resolve))
    server.kill('SIGTERM')
    await gone
  }
  await rm(directory, { recursive: true, force: true })
})

test('the Encryption SDK opens what tenantseal sealed', async () => {
  const plain = join(directory, 'plain')
  const sealed = join(directory, 'sealed')
  for (const context of CONTEXTS) {
    for (const size of SIZES) {
      const content = randomBytes(size)
      await writeFile(plain, content)
      await command('seal', plain, '--output', sealed, ...contextArguments(context))
      const { plaintext, messageHeader } = await decrypt(keyring, await readFile(sealed))
      assert.ok(plaintext.equals(content), `${size} bytes`)
      assert.deepEqual({ ...messageHeader.encryptionContext }, { ...context, TenantId: tenantId })
    }
  }
})

test('tenantseal opens what the Encryption SDK sealed', async () => {
  const sealed = join(directory, 'sealed-by-sdk')
  const opened = join(directory, 'opened')
  for (const context of CONTEXTS) {
    for (const [size, frameLength] of SIZES.flatMap(size => [[size, 4096], [size, 1 << 20], [size, 100000]])) {
      const content = randomBytes(size)
      const encryptionContext = { ...context, TenantId: tenantId }
      const { result } = await encrypt(keyring, content, { encryptionContext, frameLength, suiteId: SUITE })
      await writeFile(sealed, result)
      await command('open', sealed, '--output', opened, ...contextArguments(context))
      assert.ok((await readFile(opened)).equals(content), `${size} bytes in frames of ${frameLength}`)
    }
  }
})

test('the default suite, which signs, is refused before anything is sealed', async () => {
  const encryptionContext = { TenantId: tenantId }
  await assert.rejects(encrypt(keyring, 'content', { encryptionContext }), /aws-crypto-/)
  await encrypt(keyring, 'content', { encryptionContext, suiteId: SUITE })
})

test('neither opens what was changed on the way', async () => {
  const plain = join(directory, 'plain')
  const sealed = join(directory, 'changed')
  await writeFile(plain, randomBytes(5000))
  await command('seal', plain, '--output', sealed)
  const message = await readFile(sealed)
  for (const at of [40, message.length - 20]) {
    const changed = Buffer.from(message)
    changed[at] ^= 1
    await writeFile(sealed, changed)
    await assert.rejects(command('open', sealed, '--output', join(directory, 'never')), { code: 3 })
    await assert.rejects(decrypt(keyring, changed))
  }
})
