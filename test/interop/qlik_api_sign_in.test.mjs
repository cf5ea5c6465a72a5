// The JavaScript client of Qlik's APIs, unmodified, with OAuth client credentials and with the
// cookie of a session. TENANTSEAL_BIN names the binary under test.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiKeys, auth, encryption } from '@qlik/api'

const BINARY = process.env.TENANTSEAL_BIN ?? '../../build/release/bin/tenantseal'
const OPERATOR = 'operator-key-of-the-qlik-sign-in-test'
const NO_CACHE = { noCache: true }
const plainFetch = globalThis.fetch
let directory, server, base, tenantId
const requests = [] // What the client has sent.
let cookie // What a browser would add by itself.
let spoil = false // Whether the next access token that is shown is one that has ended.

function freePort () {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

async function call (method, path, key, body) {
  const answer = await plainFetch(base + path, {
    method,
    headers: { ...(key && { Authorization: `Bearer ${key}` }), 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body)
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) }
}

const newKey = async role =>
  (await call('POST', '/api/v1/api-keys', OPERATOR, { description: role, role, tenantId })).body

async function newCookie (apiKey) {
  const answer = await call('POST', '/api/v1/session', undefined, { apiKey })
  assert.equal(answer.status, 201)
  return answer.headers.getSetCookie()[0].split(';')[0]
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenantseal-qlik-sign-in-'))
  const port = await freePort()
  base = `http://127.0.0.1:${port}`
  const log = openSync(join(directory, 'log'), 'w')
  server = spawn(BINARY, ['serve', '--data-dir', join(directory, 'data'), '--listen', `127.0.0.1:${port}`],
    { env: { ...process.env, TENANTSEAL_OPERATOR_KEY: OPERATOR }, stdio: ['ignore', log, log] })
  for (let i = 0; ; i++) {
    if (i === 500 || server.exitCode !== null) throw new Error(await readFile(join(directory, 'log'), 'utf8'))
    try {
      if ((await plainFetch(base + '/healthz')).ok) break
    } catch { /* Not listening yet. */ }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  tenantId = (await call('POST', '/api/v1/tenants', OPERATOR, { name: 'Acme', region: 'us-east-1' })).body.id
  globalThis.fetch = (url, options = {}) => {
    const headers = new Headers(options.headers)
    if (cookie) headers.set('cookie', cookie)
    if (spoil && headers.has('authorization')) {
      headers.set('authorization', 'Bearer tsa_' + 'A'.repeat(43))
      spoil = false
    }
    requests.push({ method: options.method ?? 'GET', path: String(url).replace(base, ''), headers })
    return plainFetch(url, { ...options, headers })
  }
})

after(async () => {
  globalThis.fetch = plainFetch
  if (server?.exitCode === null) {
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
  if (directory) await rm(directory, { recursive: true, force: true })
})

test('client credentials, and another token when one has ended', async () => {
  const key = await newKey('TenantAdmin')
  auth.setDefaultHostConfig({ host: base, authType: 'oauth2', clientId: key.id, clientSecret: key.token })
  const providers = await encryption.listEncryptionKeyproviders(NO_CACHE)
  assert.equal(providers.data[0].arnFingerPrint, tenantId)
  const asked = requests.filter(({ path }) => path === '/oauth/token')
  assert.equal(asked.length, 1)
  const shown = requests.at(-1).headers.get('authorization')
  assert.match(shown, /^Bearer tsa_/)
  assert.ok(!shown.includes(key.token))
  spoil = true
  const made = await apiKeys.createApiKey({ description: 'made with an access token', role: 'Auditor' })
  assert.equal(made.status, 201)
  assert.equal(spoil, false)
  assert.equal(requests.filter(({ path }) => path === '/oauth/token').length, 2)
})

test('a client that is not right is told so in its own terms', async () => {
  const key = await newKey('TenantAdmin')
  const hostConfig = { host: base, authType: 'oauth2', clientId: key.id, clientSecret: 'not-the-secret-of-this-key' }
  await assert.rejects(encryption.listEncryptionKeyproviders({ ...NO_CACHE, hostConfig }), error => {
    assert.match(error.message + JSON.stringify(error), /invalid_client/)
    return true
  })
})

test('a session, with its CSRF token fetched by the client', async () => {
  const key = await newKey('TenantAdmin')
  cookie = await newCookie(key.token)
  const hostConfig = { host: base, authType: 'cookie', webIntegrationId: 'none' }
  auth.setDefaultHostConfig(hostConfig)
  requests.length = 0
  assert.equal((await encryption.listEncryptionKeyproviders(NO_CACHE)).data.length, 1)
  assert.equal(requests.at(-1).headers.get('authorization'), null)
  const made = await apiKeys.createApiKey({ description: 'made with a session', role: 'Auditor' })
  assert.equal(made.status, 201)
  assert.ok(requests.some(({ path }) => path === '/api/v1/csrf-token'))
  assert.ok(requests.at(-1).headers.get('qlik-csrf-token'))

  // Another session: the client's token is the former one's. It gets another and tries again.
  cookie = await newCookie(key.token)
  requests.length = 0
  assert.equal((await apiKeys.createApiKey({ description: 'made with another', role: 'Auditor' })).status, 201)
  const posts = requests.filter(({ method }) => method.toUpperCase() === 'POST')
  assert.equal(posts.length, 2, 'refused once, then done')
  assert.notEqual(posts[0].headers.get('qlik-csrf-token'), posts[1].headers.get('qlik-csrf-token'))
  const list = (await call('GET', '/api/v1/api-keys?limit=100', key.token)).body.data
  assert.equal(list.filter(({ description }) => description === 'made with another').length, 1)
  cookie = undefined
})
