// Signing in at a real OpenID Connect provider, which was not written by us. TENANTSEAL_BIN names
// the binary under test.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AUDIENCE, startProvider } from './provider.mjs'
import { Browser } from './browser.mjs'

const BINARY = process.env.TENANTSEAL_BIN ?? '../../build/release/bin/tenantseal'
const OPERATOR = 'operator-key-of-the-sign-in-test-0001'
const SECRET = 'client-secret-that-no-log-may-hold'
const PROVIDERS = '/api/v1/encryption/keyproviders'
const users = {}
const machines = {}
let directory, provider, service, base, tenantA, tenantB, adminKey
const secrets = [SECRET] // What no log may hold.

function freePort () {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

async function serve (port, publicPort = port) {
  const log = openSync(join(directory, 'log'), 'a')
  const child = spawn(BINARY, ['serve', '--data-dir', join(directory, 'data'), '--listen', `127.0.0.1:${port}`,
    '--public-url', `http://127.0.0.1:${publicPort}`, '--oidc-issuer', provider.issuer, '--oidc-client-id', 'tenantseal',
    '--oidc-name', 'Test provider', '--oidc-audience', AUDIENCE, '--sign-in-rate', '600'],
  { env: { ...process.env, TENANTSEAL_OPERATOR_KEY: OPERATOR, TENANTSEAL_OIDC_CLIENT_SECRET: SECRET }, stdio: ['ignore', log, log] })
  for (let i = 0; i < 500 && child.exitCode === null; i++) {
    try {
      if ((await fetch(`http://127.0.0.1:${port}/healthz`)).ok) return child
    } catch { /* Not listening yet. */ }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error('the service did not start:\n' + await readFile(join(directory, 'log'), 'utf8'))
}

async function stop (child) {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function call (method, path, token, body) {
  const answer = await fetch(base + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body)
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) }
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenantseal-sign-in-'))
  const port = await freePort()
  base = `http://127.0.0.1:${port}`
  machines['machine-a'] = { secret: 'machine-secret-for-tests' }
  provider = await startProvider({
    clientSecret: SECRET, redirectUri: base + '/login/callback', afterSignOut: base + '/signin', users, machines
  })
  service = await serve(port)
  const newTenant = async name =>
    (await call('POST', '/api/v1/tenants', OPERATOR, { name, region: 'us-east-1' })).body.id
  tenantA = await newTenant('Acme')
  tenantB = await newTenant('Bravo')
  adminKey = (await call('POST', '/api/v1/api-keys', OPERATOR,
    { description: 'x', role: 'TenantAdmin', tenantId: tenantA })).body.token
  secrets.push(adminKey)
  Object.assign(users, {
    ada: { name: 'Ada Lovelace', email: 'ada@example.com', tenant: tenantA, role: 'TenantAdmin' },
    grace: { name: 'Grace Hopper', email: 'grace@example.com', tenant: tenantA, role: 'Auditor' },
    alan: { name: 'Alan Turing', email: 'alan@example.com', tenant: tenantB, role: 'TenantAdmin' },
    olga: { name: 'Olga Operator', email: 'olga@example.com', role: 'PlatformOperator' },
    nobody: { name: 'Nobody', email: 'nobody@example.com', tenant: tenantA },
    emperor: { name: 'Emperor', email: 'e@example.com', tenant: tenantA, role: 'Emperor' },
    lost: { name: 'Lost', email: 'lost@example.com', tenant: 'x'.repeat(32), role: 'TenantAdmin' },
    homeless: { name: 'Homeless', email: 'homeless@example.com', role: 'TenantAdmin' }
  })
  Object.assign(machines['machine-a'], { tenant: tenantA, role: 'TenantAdmin' })
})

after(async () => {
  if (service) await stop(service)
  await provider?.stop()
  if (directory) await rm(directory, { recursive: true, force: true })
})

// Goes to the provider and signs in there; stops before the browser comes back. Returns the URL
// that it would come back to.
async function callbackOf (browser, user, { returnTo = '/', action = 'sign-in' } = {}) {
  const there = await browser.go(`${base}/login?returnto=${encodeURIComponent(returnTo)}`)
  assert.equal(there.response.status, 200, there.url)
  assert.match(there.url, /\/interaction\//, await there.response.text())
  const back = await browser.go(there.url, {
    method: 'POST',
    body: new URLSearchParams({ user, action }),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' }
  }, url => url.startsWith(base))
  assert.ok(back.url.startsWith(base + '/login/callback?'), back.url)
  const code = new URL(back.url).searchParams.get('code')
  if (code) secrets.push(code)
  return back.url
}

async function signIn (user, options) {
  const browser = new Browser()
  const response = await browser.request(await callbackOf(browser, user, options))
  assert.equal(response.status, 302)
  const token = browser.cookie(base, 'tenantseal_session')
  if (token) secrets.push(token)
  return { browser, location: response.headers.get('location'), response }
}

async function refusalOf (user, options) {
  const { browser, location } = await signIn(user, options)
  assert.equal(browser.cookie(base, 'tenantseal_session'), undefined)
  assert.equal(browser.cookie(base, 'tenantseal_login'), undefined)
  return location
}

const json = async response => ({ status: response.status, body: await response.json() })
const csrfOf = async browser =>
  (await browser.request(base + '/api/v1/csrf-token')).headers.get('qlik-csrf-token')

test('the page is told how to sign in', async () => {
  const { body } = await json(await fetch(base + '/api/v1/session/options'))
  assert.equal(body.apiKey, false)
  assert.deepEqual(body.oidc, { name: 'Test provider', startUrl: '/login' })
  const key = await fetch(base + '/api/v1/session', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ apiKey: adminKey })
  })
  assert.equal(key.status, 403)
})

test('an administrator signs in, works, and signs out', async () => {
  const { browser, location, response } = await signIn('ada', { returnTo: '/settings?tab=1' })
  assert.equal(location, '/settings?tab=1')
  const cookies = response.headers.getSetCookie()
  assert.ok(cookies.some(line => /^tenantseal_session=tss_[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/.test(line)), cookies.join('\n'))
  assert.equal(browser.cookie(base, 'tenantseal_login'), undefined)
  const session = await json(await browser.request(base + '/api/v1/session'))
  assert.equal(session.status, 200)
  assert.deepEqual(session.body.principal, { id: 'user:ada', name: 'Ada Lovelace', email: 'ada@example.com' })
  assert.equal(session.body.role, 'TenantAdmin')
  assert.deepEqual(session.body.tenant, { id: tenantA, name: 'Acme', region: 'us-east-1' })
  assert.equal(session.body.signedInWith, 'oidc')
  assert.equal((await browser.request(base + PROVIDERS + '/actions/list')).status, 200)

  const rotate = base + '/api/v1/encryption/tenant-keys/actions/rotate'
  const forged = await json(await browser.request(rotate, { method: 'POST' }))
  assert.equal(forged.status, 403)
  assert.equal(forged.body.code, 'CSRF-TOKEN-2')
  const csrf = await csrfOf(browser)
  const crossSite = { 'qlik-csrf-token': csrf, Origin: 'https://evil.example' }
  assert.equal((await browser.request(rotate, { method: 'POST', headers: crossSite })).status, 403)
  const own = { 'qlik-csrf-token': csrf, Origin: base, 'Sec-Fetch-Site': 'same-origin' }
  assert.ok((await browser.request(rotate, { method: 'POST', headers: own })).ok)

  const before = browser.cookie(base, 'tenantseal_session')
  const ended = await json(await browser.request(base + '/api/v1/session', { method: 'DELETE', headers: own }))
  assert.equal(ended.status, 200)
  assert.equal(browser.cookie(base, 'tenantseal_session'), undefined)
  browser.setCookie(base, 'tenantseal_session', before)
  assert.equal((await browser.request(base + '/api/v1/session')).status, 401)
  const there = await browser.go(ended.body.endSessionUrl)
  assert.equal(there.response.status, 200, 'the provider knows the address')
  const audits = (await call('GET', '/api/v1/audits?limit=100', adminKey)).body.data
  const types = audits.filter(item => item.userId === 'user:ada').map(item => item.eventType)
  for (const type of ['com.tenantseal.v1.session.created', 'com.tenantseal.v1.session.ended']) assert.ok(types.includes(type), types.join())
})

test('each role may do what it may, in its own tenant alone', async () => {
  const auditor = (await signIn('grace')).browser
  assert.equal((await auditor.request(base + '/api/v1/audits')).status, 200)
  assert.equal((await auditor.request(base + PROVIDERS)).status, 403)
  const other = (await signIn('alan')).browser
  const named = { headers: { 'Tenantseal-Tenant': tenantA } }
  assert.equal((await other.request(base + PROVIDERS, named)).status, 403)
  assert.equal((await other.request(base + '/api/v1/tenants/' + tenantA)).status, 404)
  const operator = (await signIn('olga')).browser
  assert.equal((await operator.request(base + '/api/v1/tenants')).status, 200)
  assert.equal((await json(await operator.request(base + '/api/v1/session'))).body.tenant, null)
})

test('whoever has no role or tenant here is told so and gets nothing', async () => {
  for (const [user, code] of [['nobody', 'role'], ['emperor', 'role'], ['lost', 'tenant'], ['homeless', 'tenant']]) {
    assert.match(await refusalOf(user), new RegExp(`^/signin\\?error=${code}&requestId=[\\w-]{16}$`), user)
  }
  assert.match(await refusalOf('ada', { action: 'cancel' }), /^\/signin\?error=denied&/)
})

test('a sign-in is finished once, and in the browser that began it', async () => {
  const mine = new Browser()
  const callback = await callbackOf(mine, 'ada')
  const login = mine.cookie(base, 'tenantseal_login')
  const thief = new Browser()
  const stolen = await thief.request(callback)
  assert.match(stolen.headers.get('location'), /error=state/)
  // A sign-in of the thief's own does not help him: nor would it plant his session here.
  await callbackOf(thief, 'alan')
  const mixed = await thief.request(callback)
  assert.match(mixed.headers.get('location'), /error=state/)
  assert.equal((await mine.request(callback)).headers.get('location'), '/')
  mine.setCookie(base, 'tenantseal_login', login)
  assert.match((await mine.request(callback)).headers.get('location'), /error=state/)
})

test('an altered answer is refused', async () => {
  for (const [name, value, code] of [['code', 'x', 'provider'], ['state', 'x', 'state'], ['iss', 'https://evil.example', 'provider']]) {
    const browser = new Browser()
    const callback = new URL(await callbackOf(browser, 'ada'))
    callback.searchParams.set(name, value)
    const { headers } = await browser.request(callback.href)
    assert.match(headers.get('location'), new RegExp(`^/signin\\?error=${code}&`), name)
    assert.equal(browser.cookie(base, 'tenantseal_session'), undefined)
  }
})

test('nobody is sent to another site', async () => {
  for (const returnTo of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/a\r\nX: y', '']) {
    assert.equal((await signIn('ada', { returnTo })).location, '/', returnTo)
  }
  assert.equal((await signIn('ada', { returnTo: base + '/events' })).location, '/events')
})

test('a session holds on every process and outlives a restart', async () => {
  const { browser } = await signIn('ada')
  const cookie = `tenantseal_session=${browser.cookie(base, 'tenantseal_session')}`
  const port = await freePort()
  const second = await serve(port, new URL(base).port)
  try {
    const there = path => fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } })
    assert.equal((await there('/api/v1/session')).status, 200)
    await stop(service)
    service = await serve(Number(new URL(base).port))
    assert.equal((await browser.request(base + '/api/v1/session')).status, 200)
    const headers = { 'qlik-csrf-token': await csrfOf(browser) }
    assert.equal((await browser.request(base + '/api/v1/session', { method: 'DELETE', headers })).status, 200)
    assert.equal((await there('/api/v1/session')).status, 401)
    assert.equal((await there(PROVIDERS)).status, 401)
  } finally {
    await stop(second)
  }
})

test('bearer tokens of the provider are taken, and nothing that looks like them', async () => {
  const granted = await (await fetch(provider.issuer + '/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: 'Basic ' + btoa('machine-a:machine-secret-for-tests') },
    body: 'grant_type=client_credentials&scope=use'
  })).json()
  const token = granted.access_token
  secrets.push(token)
  assert.equal((await call('GET', PROVIDERS, token)).status, 200)
  assert.equal((await call('GET', '/api/v1/users/me', token)).body.id, 'user:machine-a')
  const [, payload, signature] = token.split('.')
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = JSON.parse(Buffer.from(payload, 'base64url'))
  const forged = [
    `${part({ alg: 'none' })}.${payload}.`,
    `${part({ alg: 'none', typ: 'at+jwt' })}.${payload}.${signature}`,
    `${part({ alg: 'HS256' })}.${payload}.${signature}`,
    `${token.split('.')[0]}.${part({ ...claims, role: 'PlatformOperator' })}.${signature}`,
    `${token.split('.')[0]}.${part({ ...claims, tenant: tenantB })}.${signature}`,
    `${part({ alg: 'RS256', kid: 'unknown' })}.${payload}.${signature}`
  ]
  for (const bad of forged) {
    const answer = await call('GET', PROVIDERS, bad)
    assert.equal(answer.status, 401, bad)
    const log = await readFile(join(directory, 'log'), 'utf8')
    assert.ok(log.includes(answer.headers.get('x-request-id')), 'the refusal is logged with its request id')
  }
  assert.ok(provider.seen.filter(path => path === '/jwks').length <= 4, 'unknown keys are not asked for again and again')
})

test('neither the log nor the database holds a secret', async () => {
  const files = ['log', 'data/tenantseal.db', 'data/tenantseal.db-wal']
  const texts = await Promise.all(files.map(file => readFile(join(directory, file), 'latin1').catch(() => '')))
  assert.ok(secrets.length > 10 && texts[0].length > 100 && texts[1].length > 1000)
  for (const secret of secrets) {
    texts.forEach((text, i) => assert.ok(!text.includes(secret), `a secret is in ${files[i]}`))
  }
})
