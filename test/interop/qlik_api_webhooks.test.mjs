// The JavaScript client of Qlik's APIs, unmodified, drives webhooks. TENANTSEAL_BIN names the binary
// under test.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auth, webhooks } from '@qlik/api'

const BINARY = process.env.TENANTSEAL_BIN ?? '../../build/release/bin/tenantseal'
const OPERATOR = 'operator-key-of-the-qlik-api-webhooks-test'
const SECRET = '0123456789abcdef0123456789abcdef'
const NO_CACHE = { noCache: true }
let directory, server, base, receiver, target, tenantId
const got = []

async function listen (handler) {
  const listening = createServer(handler).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return [listening, listening.address().port]
}

async function call (method, path, key, body) {
  const answer = await fetch(base + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body)
  })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return answer.json()
}

const mintKey = () => call('POST', '/api/v1/api-keys', OPERATOR, { description: 'd', role: 'Auditor', tenantId })

async function until (condition, what) {
  for (let i = 0; i < 1000; i++) {
    const value = await condition()
    if (value) return value
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`${what} did not come true`)
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenantseal-qlik-webhooks-'))
  let port
  [receiver, port] = await listen(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    got.push({ headers: request.headers, body: Buffer.concat(chunks) })
    response.end('thanks')
  })
  target = `http://127.0.0.1:${port}/in`
  const [probe, free] = await listen(() => {})
  probe.close()
  await once(probe, 'close')
  base = `http://127.0.0.1:${free}`
  const log = join(directory, 'log')
  const file = openSync(log, 'w')
  server = spawn(BINARY, ['serve', '--data-dir', join(directory, 'data'), '--listen', `127.0.0.1:${free}`,
    '--webhook-allow-network', '127.0.0.1'],
  { env: { ...process.env, TENANTSEAL_OPERATOR_KEY: OPERATOR }, stdio: ['ignore', file, file] })
  await until(async () => {
    if (server.exitCode !== null) throw new Error(await readFile(log, 'utf8'))
    return (await fetch(base + '/healthz').catch(() => ({}))).ok
  }, 'the start')
  tenantId = (await call('POST', '/api/v1/tenants', OPERATOR, { name: 'Acme', region: 'us-east-1' })).id
  const { token } = await call('POST', '/api/v1/api-keys', OPERATOR, { description: 'd', role: 'TenantAdmin', tenantId })
  auth.setDefaultHostConfig({ host: base, authType: 'apikey', apiKey: token })
})

after(async () => {
  if (server?.exitCode === null) {
    server.kill()
    await once(server, 'exit')
  }
  receiver?.closeAllConnections()
  receiver?.close()
  await rm(directory, { recursive: true, force: true })
})

test('event types', async () => {
  const { status, data } = await webhooks.getWebhookEventTypes()
  assert.equal(status, 200)
  const created = data.data.find(one => one.name === 'com.qlik.v1.encryption.keyprovider.created')
  assert.deepEqual(created.levels, ['tenant'])
  assert.ok(created.title && created.category && created.description)
})

test('a webhook is made, listed, changed, delivered to and deleted', async () => {
  const made = await webhooks.createWebhook({
    name: 'ours', url: target, secret: SECRET, eventTypes: ['com.tenantseal.v1.api-key.created'],
    headers: { 'X-Plain': '1' }, encryptedHeaders: { 'X-Token': 'hidden' }
  })
  assert.equal(made.status, 201)
  const { id } = made.data
  assert.equal(made.data.enabled, false)
  assert.equal(made.data.secretKeyAdded, true)
  assert.deepEqual(made.data.encryptedHeaders, ['X-Token'])

  const listed = await webhooks.getWebhooks({ name: 'OUR*', enabled: false, sort: '+name', limit: 10 }, NO_CACHE)
  assert.deepEqual(listed.data.data, [made.data])

  assert.equal((await webhooks.patchWebhook(id, [{ op: 'replace', path: '/enabled', value: true },
    { op: 'replace', path: '/name', value: 'renamed' }])).status, 204)
  const patched = await webhooks.getWebhook(id, NO_CACHE)
  assert.equal(patched.data.enabled, true)
  assert.equal(patched.data.name, 'renamed')

  const key = await mintKey()
  await until(() => got.length === 1, 'the delivery')
  const event = JSON.parse(got[0].body)
  assert.equal(event.data.id, key.id)
  assert.equal(event.tenantid, tenantId)
  assert.equal(got[0].headers['x-token'], 'hidden')
  assert.equal(got[0].headers['qlik-signature'], createHmac('sha256', SECRET).update(got[0].body).digest('hex'))

  const deliveries = await until(async () => {
    const page = await webhooks.getWebhookDeliveries(id, { status: 'success', sort: '-triggeredAt' }, NO_CACHE)
    return page.data.data.length > 0 && page.data.data
  }, 'the log')
  const delivery = await webhooks.getWebhookDelivery(id, deliveries[0].id)
  assert.deepEqual(delivery.data.request.body, event)
  assert.equal(delivery.data.response.body, 'thanks')
  const again = await webhooks.resendWebhookDelivery(id, deliveries[0].id)
  assert.equal(again.status, 201)
  await until(() => got.length === 2, 'the resend')
  assert.deepEqual(got[1].body, got[0].body)

  const put = await webhooks.updateWebhook(id, { name: 'put', url: target })
  assert.equal(put.status, 200)
  assert.deepEqual([put.data.enabled, put.data.eventTypes, put.data.headers, put.data.secretKeyAdded],
    [false, [], {}, false])

  assert.equal((await webhooks.deleteWebhook(id)).status, 204)
  await assert.rejects(webhooks.getWebhook(id, NO_CACHE), { status: 404 })
})

test('pages are followed by the client', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await webhooks.createWebhook({ name, url: 'https://hooks.example.com/' })
  const seen = []
  let page = await webhooks.getWebhooks({ sort: '+name', limit: 2 }, NO_CACHE)
  for (;;) {
    seen.push(...page.data.data.map(one => one.name))
    if (!page.next) break
    page = await page.next(NO_CACHE)
  }
  assert.deepEqual(seen, names)
  const back = await page.prev(NO_CACHE)
  assert.deepEqual(back.data.data.map(one => one.name), ['c', 'd'])
})

test('bad input is refused with the field', async () => {
  for (const [more, field] of [[{ url: 'https://10.0.0.1/' }, 'url'], [{ secret: 'short' }, 'secret'],
    [{ eventTypes: ['com.qlik.nothing'] }, 'eventTypes'], [{ level: 'user' }, 'level']]) {
    await assert.rejects(webhooks.createWebhook({ name: 'n', url: 'https://hooks.example.com/', ...more }),
      error => error.status === 400 && error.data.errors[0].meta.field === field)
  }
})
