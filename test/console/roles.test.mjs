// Who sees what: another tenant's administrator, an auditor, somebody whose session has ended.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { assertCalm, Ground, heading, signIn } from './ground.mjs'

let ground, ours, theirs

before(async () => {
  ground = await Ground.start({ aws: false })
  ours = await ground.makeTenant('Adventure Works')
  theirs = await ground.makeTenant('Wide World Importers')
  ours.auditor = (await ground.makeKey('Auditor', ours.id, 'Auditing firm')).token
})
after(() => ground?.stop())

test('another tenant’s administrator sees nothing of this one', async () => {
  const page = await ground.signedIn(theirs.admin, '/events')
  await page.getByRole('cell', { name: 'com.tenantseal.v1.tenant.created', exact: true }).waitFor()
  for (const path of ['/settings', '/settings/encryption', '/events', '/api-keys', '/webhooks']) {
    await page.goto(path)
    await page.getByRole('banner').getByText('Wide World Importers').waitFor()
    await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null)
    const text = await page.locator('body').innerText()
    assert.ok(!text.includes('Adventure Works') && !text.includes(ours.id), `${path} shows nothing of another tenant`)
  }
  for (const path of [`/keyproviders/${ours.id}`, `/keyproviders/${ours.id}/usage`]) {
    const status = await page.evaluate(async path => (await fetch('/api/v1/encryption' + path)).status, path)
    assert.equal(status, 404, 'nor does the API with this session')
  }
  await page.goto('/tenants')
  await heading(page, 'Not for your role')
  assert.equal(await page.getByRole('link', { name: 'Tenants', exact: true }).count(), 0)
})

test('a key of a program is told that the console is not for it', async () => {
  const { token } = await ground.makeKey('ContentService', ours.id, 'billing')
  const page = await ground.signedIn(token)
  await heading(page, 'Not for your role')
  await page.getByText('Your key or account is for a program').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Go to the start page' }).count(), 0)
})

test('an auditor reads and cannot act', async () => {
  const page = await ground.signedIn(ours.auditor)
  await heading(page, 'Settings')
  await page.getByRole('banner').getByText('Auditor', { exact: true }).waitFor()
  await page.getByText('Version 1').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Manage key provider' }).count(), 0)
  await page.getByRole('navigation', { name: 'Administration' }).getByRole('link', { name: 'Events' }).click()
  await page.getByRole('cell', { name: 'com.tenantseal.v1.tenant.created', exact: true }).waitFor()
  const links = await page.getByRole('navigation', { name: 'Administration' }).getByRole('link').allInnerTexts()
  assert.deepEqual(links.map(text => text.trim()), ['Settings', 'Events'])
  for (const path of ['/settings/encryption', '/settings/encryption/new', '/api-keys', '/webhooks', '/tenants']) {
    await page.goto(path)
    await heading(page, 'Not for your role')
  }
  const refused = await page.evaluate(async () => {
    const token = (await fetch('/api/v1/csrf-token')).headers.get('qlik-csrf-token')
    const answer = await fetch('/api/v1/encryption/tenant-keys/actions/rotate', { method: 'POST', headers: { 'qlik-csrf-token': token } })
    return answer.status
  })
  assert.equal(refused, 403, 'and what the console does not offer the service refuses')
  assertCalm(page)
})

test('a session that has ended leads to signing in, and back to where one was', async () => {
  const key = await ground.makeKey('TenantAdmin', ours.id, 'to be deleted')
  const page = await ground.signedIn(key.token, '/settings/encryption/new')
  await page.getByLabel('Title').fill('Half typed')
  await ground.call('DELETE', `/api/v1/api-keys/${key.id}`)
  await page.getByLabel('KMS key ARN').fill('arn:aws:kms:us-east-1:111122223333:alias/mine')
  await page.getByRole('button', { name: 'Check the key only' }).click()
  await heading(page, 'Sign in')
  await page.getByText('Sign in to go on where you were.').waitFor()
  await signIn(page, ours.admin)
  await heading(page, 'Create new')
  assert.equal(await page.getByLabel('Title').inputValue(), 'Half typed', 'nothing typed is lost')
})

test('what a page asks for by itself, left alone, is no use of its session', async () => {
  const page = await ground.open()
  await page.clock.install()
  await page.route('**/stream**', route => route.abort()) // So that it asks.
  await page.goto('/signin?returnto=%2Fevents')
  await signIn(page, ours.auditor)
  await heading(page, 'Events')
  const asked = async () => {
    const request = await page.waitForRequest(request => new URL(request.url()).pathname === '/api/v1/audits')
    return request.headers()['tenantseal-unattended']
  }
  assert.equal(await asked(), undefined)
  await page.clock.fastForward('01:05')
  assert.equal(await asked(), 'true')
  await page.mouse.move(100, 100)
  assert.equal(await asked(), undefined)
})

test('a change without the CSRF token is refused, with it accepted', async () => {
  const page = await ground.signedIn(ours.admin)
  const statuses = await page.evaluate(async () => {
    const make = headers => fetch('/api/v1/api-keys', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ description: 'by script', role: 'Auditor' })
    }).then(answer => answer.status)
    const token = (await fetch('/api/v1/csrf-token')).headers.get('qlik-csrf-token')
    return [await make({}), await make({ 'qlik-csrf-token': 'x'.repeat(43) }), await make({ 'qlik-csrf-token': token })]
  })
  assert.deepEqual(statuses, [403, 403, 201])
})

test('where to return to is a page of this console, or none', async () => {
  const page = await ground.open()
  await page.goto('/signin?returnto=' + encodeURIComponent('https://example.com/'))
  await signIn(page, ours.admin)
  await heading(page, 'Settings')
  assert.equal(new URL(page.url()).origin, ground.url)
})

test('a failed sign-in at a provider is told in words, with the request id, and without markup', async () => {
  const page = await ground.open()
  await page.goto('/signin?error=expired&requestId=abcDEF123')
  await page.getByText('This sign-in took too long.').waitFor()
  await page.getByText('abcDEF123').waitFor()
  await page.goto('/signin?error=' + encodeURIComponent('<b>x</b>') + '&requestId=' + encodeURIComponent('<b>y</b>'))
  await page.getByText('The sign-in could not be completed.').waitFor()
  assert.ok(!(await page.locator('main').innerText()).includes('<b>'))
})
