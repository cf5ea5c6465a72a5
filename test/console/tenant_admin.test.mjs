// A tenant's administrator, from signing in to deletion, in the words of the documentation of tenant
// encryption. What one would paste into a shell is pasted from the page.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { act, assertCalm, card, DEMO_KEY, Ground, heading, picture, signIn, wantsPicture } from './ground.mjs'

const MARKUP = '<img src=x onerror=alert(1)>'
let ground, tenant, page

before(async () => {
  ground = await Ground.start()
  tenant = await ground.makeTenant('Northwind Logistics')
  const content = await ground.makeKey('ContentService', tenant.id)
  await ground.call('POST', '/api/v1/encryption/data-keys', { managed: true, encryptionContext: {}, count: 1000, plaintext: false }, content.token)
  page = await ground.open()
})
after(() => ground?.stop())

const codeOf = (scope, title) => scope.getByRole('region', { name: title, exact: true }).innerText()
const answer = () => page.getByRole('region', { name: 'What the service found' })

test('signing in: a bad key is refused beside the field, a good one leads to Settings', async () => {
  await page.goto('/settings')
  await heading(page, 'Sign in')
  assert.match(page.url(), /\/signin\?returnto=%2Fsettings$/)
  await page.getByText('Emulated AWS.').waitFor()
  const field = page.getByLabel('API key', { exact: true })
  assert.equal(await field.getAttribute('type'), 'password')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByText('Enter an API key.').waitFor()
  await field.fill('tsk_not-a-key')
  await page.keyboard.press('Enter')
  await page.getByText('This API key is not known').waitFor()
  assert.equal(await field.inputValue(), 'tsk_not-a-key')
  await signIn(page, tenant.admin)
  await heading(page, 'Settings')
  const cookies = await page.context().cookies()
  const session = cookies.find(cookie => cookie.name.endsWith('tenantseal_session'))
  assert.ok(session?.httpOnly, 'the session is out of scripts’ reach')
  assert.equal(session.sameSite, 'Lax')
})

test('the tenant’s name and the role are always in view', async () => {
  for (const path of ['/settings', '/settings/encryption', '/settings/encryption/new', '/events', '/api-keys', '/webhooks']) {
    await page.goto(path)
    const banner = page.getByRole('banner')
    await banner.getByText('Northwind Logistics', { exact: true }).waitFor()
    await banner.getByText('Tenant admin', { exact: true }).waitFor()
  }
})

test('Settings, Tenant encryption: what is current, since when, healthy, and what it protects', async () => {
  await page.getByRole('navigation', { name: 'Administration' }).getByRole('link', { name: 'Settings' }).click()
  const section = page.getByRole('region', { name: 'Tenant encryption' })
  await section.getByText('Healthy').waitFor()
  await section.getByText('1,000', { exact: true }).waitFor()
  await section.locator('time').first().waitFor()
  await picture(page, 'settings')
})

test('Manage key provider shows a card per provider and the Create new card', async () => {
  await page.getByRole('link', { name: 'Manage key provider' }).click()
  await heading(page, 'Manage key provider')
  const internal = page.getByRole('article').first()
  await internal.getByText('Active', { exact: true }).waitFor()
  await internal.getByText('Default key provider').waitFor()
  await internal.getByRole('button', { name: /^Actions for/ }).click()
  for (const name of ['Migrate', 'Validate', 'Edit', 'Delete']) {
    const item = page.getByRole('menuitem', { name })
    assert.equal(await item.getAttribute('aria-disabled'), 'true', `${name} is not for the active internal KMS`)
  }
  await page.getByText('The default key provider cannot be deleted.').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: /Create new/ }).click()
  await heading(page, 'Create new')
})

test('Create new: what is typed is checked at once', async () => {
  const arn = page.getByLabel('KMS key ARN')
  await page.getByRole('button', { name: /Master key provider/ }).waitFor()
  await arn.fill('mrk-1234abcd12ab34cd56ef1234567890ab')
  await page.getByText('This is a key id').waitFor()
  await arn.fill(DEMO_KEY.replace('us-east-1', 'eu-west-1'))
  await page.getByText('the tenant is in us-east-1').waitFor()
  await arn.fill(DEMO_KEY)
  await page.getByText('its replica belongs in us-east-2').waitFor()
  await page.getByRole('button', { name: 'Add key provider' }).click()
  await page.getByText('A title is needed.').waitFor()
})

test('the key policy to paste names this tenant, and the commands the typed key', async () => {
  const policy = JSON.parse(await codeOf(page, 'Key policy'))
  assert.match(JSON.stringify(policy), new RegExp(tenant.id))
  await page.getByText('AWS CLI: make a multi-region key with its replica').click()
  assert.match(await codeOf(page, 'New key, by AWS CLI'), /replicate-key --region us-east-1/)
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy Key policy' }).click()
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), policy)
})

test('a refusal is shown right there, check by check, and nothing typed is lost', async () => {
  await page.getByLabel('Title').fill('Our key')
  await page.getByLabel(/^Description/).fill(MARKUP)
  await page.getByRole('button', { name: 'Add key provider' }).click()
  await answer().getByText('The key was not added').waitFor()
  await answer().getByText('Key policy admits this tenant').waitFor()
  await answer().getByText(/does not allow the required action \[us-east-1\] \[GenerateDataKey\]/).waitFor()
  await answer().getByText('To fix:').first().waitFor()
  await picture(page, 'refused')
  assert.equal(await page.getByLabel('KMS key ARN').inputValue(), DEMO_KEY)
  assert.equal(await page.getByLabel('Title').inputValue(), 'Our key')
  await page.reload()
  assert.equal(await page.getByLabel('Title').inputValue(), 'Our key', 'not even by a reload')
})

test('the mended policy, pasted into a shell, lets the key be added', async () => {
  await page.getByRole('button', { name: 'Check the key only' }).click()
  await answer().getByText('This key cannot be added yet').waitFor()
  await answer().getByText('AWS CLI: put the policy on the key and its replica').click()
  await ground.shell(await codeOf(answer(), 'Mended key policy, by AWS CLI'))
  await page.getByRole('button', { name: 'Check the key only' }).click()
  await answer().getByText('This key can be added').waitFor()
  await page.getByRole('button', { name: 'Add key provider' }).click()
  await heading(page, 'Manage key provider')
  const added = card(page, 'Our key')
  await added.getByText('Inactive', { exact: true }).waitFor()
  await added.getByText(MARKUP, { exact: true }).waitFor()
  assert.equal(await page.locator('main img').count(), 0, 'markup is shown as text')
  await added.getByText('arn:aws:kms:us-east-1:••••3333:key/mrk-…90ab').waitFor()
  await added.getByText('us-east-2').waitFor()
  await added.getByRole('button', { name: 'Copy key ARN' }).click()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), DEMO_KEY)
})

test('the same key once more is refused beside its field', async () => {
  await page.goto('/settings/encryption/new')
  await page.getByLabel('KMS key ARN').fill(DEMO_KEY)
  await page.getByLabel('Title').fill('Twice')
  await page.getByRole('button', { name: 'Add key provider' }).click()
  await page.getByText('The tenant has a key provider with this key already: use').waitFor()
  assert.equal(await page.getByLabel('KMS key ARN').inputValue(), DEMO_KEY)
  await page.goto('/settings/encryption')
})

test('Validate gives the report, check by check', async () => {
  await act(page, 'Our key', 'Validate')
  const dialog = page.getByRole('dialog')
  await dialog.getByText(/All .*checks passed/).waitFor()
  for (const name of ['ARN', 'Region', 'Key policy admits this tenant', 'Multi-region key', 'Other tenants are kept out']) {
    await dialog.getByText(name, { exact: true }).first().waitFor()
  }
  await picture(page, 'validation')
  await dialog.getByRole('button', { name: 'Close' }).last().click()
})

test('Edit changes title and description', async () => {
  await act(page, 'Our key', 'Edit')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Title').fill('')
  await dialog.getByText('A title is needed.').waitFor()
  await dialog.getByLabel('Title').fill('Northwind CMK')
  await dialog.getByLabel(/^Description/).fill('Held by the security team')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await card(page, 'Northwind CMK').getByText('Held by the security team').waitFor()
  await picture(page, 'key-providers')
  if (!wantsPicture('narrow-dark')) return
  const narrow = await ground.signedIn(tenant.admin, '/settings/encryption', { width: 390, height: 844, theme: 'dark' })
  await card(narrow, 'Northwind CMK').waitFor()
  await picture(narrow, 'narrow-dark')
  await narrow.context().close()
})

test('Migrate: plan, Change key provider, progress, active', async () => {
  await act(page, 'Northwind CMK', 'Migrate')
  const dialog = page.getByRole('dialog', { name: 'Change key provider' })
  const plan = dialog.getByRole('region', { name: 'Plan' })
  await plan.getByText('1,000', { exact: true }).waitFor()
  await plan.getByText('KMS calls, at most').waitFor()
  const change = dialog.getByRole('button', { name: 'Change key provider' })
  assert.ok(await change.isDisabled(), 'not before it is confirmed')
  await picture(page, 'plan')
  await dialog.getByText(/I confirm that the current key is replaced/).click()
  await change.click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('region', { name: 'Last migration' }).getByText('Completed').waitFor({ timeout: 240_000 })
  await card(page, 'Northwind CMK').getByText('Active', { exact: true }).waitFor()
  await page.getByRole('article').first().getByText('Inactive', { exact: true }).waitFor()
})

test('the active key provider cannot be deleted, and the menu says why', async () => {
  await page.getByRole('button', { name: 'Actions for Northwind CMK' }).click()
  assert.equal(await page.getByRole('menuitem', { name: 'Delete' }).getAttribute('aria-disabled'), 'true')
  await page.getByText('migrate to another first').waitFor()
  await page.keyboard.press('Escape')
})

test('Settings names the new key', async () => {
  await page.goto('/settings')
  const section = page.getByRole('region', { name: 'Tenant encryption' })
  await section.getByText('Northwind CMK').waitFor()
  await section.getByText('Healthy').waitFor()
  await section.getByText('us-east-1, replica in us-east-2').waitFor()
})

const EXPECTED = ['keyprovider.created', 'keyprovider.updated', 'keyprovider-migration.triggered', 'keyprovider-migration.finished']

test('Events lists what happened: date, source, type, user, raw details', async () => {
  await page.getByRole('link', { name: 'Events' }).click()
  await heading(page, 'Events')
  for (const name of ['Date (UTC)', 'Source', 'Event type', 'User']) await page.getByRole('columnheader', { name }).waitFor()
  for (const type of EXPECTED) await page.getByRole('cell', { name: `com.qlik.v1.encryption.${type}` }).first().waitFor()
  const row = page.getByRole('row').filter({ hasText: 'keyprovider-migration.finished' })
  await row.getByText('Security team').waitFor()
  assert.match(await row.locator('time').getAttribute('title'), /^Local time: /)
  await row.getByRole('button', { name: /^Raw details/ }).click()
  const raw = JSON.parse(await codeOf(page, 'Raw event'))
  assert.equal(raw.eventType, 'com.qlik.v1.encryption.keyprovider-migration.finished')
  await page.getByText('Event chain: verified').waitFor()
  const { data } = await ground.call('GET', '/api/v1/audits/chain', undefined, tenant.admin)
  assert.equal(data.state, 'verified')
  await page.getByText(data.hash).first().waitFor()
  await picture(page, 'events')
})

test('Events: filter, sort, reset, and no match', async () => {
  await page.getByRole('button', { name: /^(Any type )?Event type|Event type/ }).first().click()
  await page.getByRole('option', { name: /^keyprovider created/ }).click()
  await page.getByText('1 event shown').waitFor()
  assert.match(page.url(), /type=com\.qlik\.v1\.encryption\.keyprovider\.created/)
  await page.getByLabel('User').fill('nobody')
  await page.getByText('No event matches').waitFor()
  await page.getByRole('button', { name: 'Reset' }).click()
  await page.getByRole('cell', { name: 'com.tenantseal.v1.tenant.created', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Date (UTC)' }).click()
  await page.waitForFunction(() => document.querySelector('tbody tr')?.textContent?.includes('tenant.created'))
  assert.equal(await page.getByRole('columnheader', { name: 'Date (UTC)' }).getAttribute('aria-sort'), 'ascending')
  await page.getByRole('button', { name: 'Reset' }).click()
})

test('Events: export as JSON and CSV', async () => {
  const exported = async (kind) => {
    await page.getByRole('button', { name: 'Export' }).click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: kind }).click()])
    return readFile(await download.path(), 'utf8')
  }
  const events = JSON.parse(await exported('JSON'))
  assert.ok(events.some(event => event.eventType.endsWith('keyprovider-migration.triggered')))
  const lines = (await exported('CSV')).trimEnd().split('\r\n')
  assert.match(lines[0], /^eventTime,source,eventType,userId/)
  assert.equal(lines.length, events.length + 1)
})

test('Events: what happens now shows up by itself', async () => {
  await ground.makeKey('Auditor', tenant.id, 'made while looking')
  await page.getByRole('row').filter({ hasText: 'api-key.created' }).first().waitFor()
  await page.waitForFunction(() => document.querySelector('tr.fresh') !== null)
})

test('back to the internal KMS, then Delete', async () => {
  await page.goto('/settings/encryption')
  const internalName = await page.getByRole('article').first().getAttribute('aria-label')
  await act(page, internalName, 'Migrate')
  const dialog = page.getByRole('dialog', { name: 'Change key provider' })
  await dialog.getByText(/I confirm/).click()
  await dialog.getByRole('button', { name: 'Change key provider' }).click()
  await page.getByRole('article').first().getByText('Active', { exact: true }).waitFor({ timeout: 240_000 })
  await act(page, 'Northwind CMK', 'Delete')
  const confirm = page.getByRole('alertdialog')
  await confirm.getByText(/disable\s+the key in AWS|Nothing of this tenant depends/).waitFor()
  await confirm.getByRole('button', { name: 'Delete' }).click()
  await card(page, 'Northwind CMK').waitFor({ state: 'hidden' })
})

test('signing out ends the session', async () => {
  await page.getByRole('button', { name: 'Sign out' }).click()
  await heading(page, 'Sign in')
  await page.goto('/settings')
  await heading(page, 'Sign in')
  assertCalm(page)
})
