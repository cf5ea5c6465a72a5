// What the README tells a newcomer to do in a browser, and nothing else.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { card, DEMO_KEY, Ground, heading, picture } from './ground.mjs'

let ground, tenant, page

before(async () => {
  ground = await Ground.start()
  tenant = await ground.makeTenant('Sample')
  page = await ground.signedIn(tenant.admin)
})
after(() => ground?.stop())

test('the key of the emulated account is refused, and it is said why', async () => {
  await page.getByRole('link', { name: 'Manage key provider' }).click()
  await page.getByRole('link', { name: /Create new/ }).click()
  await page.getByLabel('KMS key ARN').fill(DEMO_KEY)
  await page.getByLabel('Title').fill('My first key')
  await page.getByRole('button', { name: 'Add key provider' }).click()
  await page.getByText('The key was not added').waitFor()
  await page.getByText(/does not allow the required action/).waitFor()
})

test('what the console shows, pasted on the emulator’s page, mends the policy', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy Mended key policy', exact: true }).click()
  const statements = await page.evaluate(() => navigator.clipboard.readText())
  const [emulator] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('region', { name: 'Mended policy' }).getByRole('link', { name: /the emulator’s page/ }).click()
  ])
  await emulator.getByRole('link', { name: /mrk-1234abcd/ }).first().click()
  await emulator.getByLabel('Policy').fill(statements)
  await emulator.getByRole('button', { name: /save/i }).first().click()
  await emulator.waitForLoadState()
  await emulator.close()
})

test('Add and migrate: added, confirmed, watched until it is active', async () => {
  await page.getByRole('button', { name: 'Add and migrate' }).click()
  const dialog = page.getByRole('dialog', { name: 'Change key provider' })
  await dialog.getByText(/I confirm/).click()
  await dialog.getByRole('button', { name: 'Change key provider' }).click()
  await card(page, 'My first key').getByText('Active', { exact: true }).waitFor({ timeout: 240_000 })
  await page.getByRole('region', { name: 'Last migration' }).getByText('Completed').waitFor()
  assert.equal(new URL(page.url()).search, '', 'the address does not ask again')
  await picture(page, 'migrated')
})

test('Events has all of it', async () => {
  await page.getByRole('link', { name: 'Events' }).click()
  await heading(page, 'Events')
  for (const type of ['keyprovider.created', 'keyprovider-migration.triggered', 'keyprovider-migration.finished']) {
    await page.getByRole('cell', { name: `com.qlik.v1.encryption.${type}` }).first().waitFor()
  }
})
