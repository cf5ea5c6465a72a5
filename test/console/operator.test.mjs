// An operator: tenants, API keys, webhooks.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { act, assertCalm, Ground, heading, picture, until } from './ground.mjs'

const NAME = 'Fourth <i>Coffee</i>'
let ground, page, receiver, received = [], answerWith = 200

before(async () => {
  // The receiver is on this machine; webhooks reach public addresses alone otherwise.
  ground = await Ground.start({ aws: false, prepare: () => ({ flags: ['--webhook-allow-network', '127.0.0.0/8'] }) })
  await ground.makeTenant('Tailspin Toys', 'eu-central-1')
  receiver = createServer((request, response) => {
    let body = ''
    request.on('data', part => { body += part })
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      response.writeHead(answerWith).end('thanks')
    })
  }).listen(0, '127.0.0.1')
  page = await ground.signedIn(ground.operator)
})
after(async () => {
  receiver?.close()
  await ground?.stop()
})

const row = text => page.getByRole('row').filter({ hasText: text })

test('an operator starts at Tenants, and has no settings of a tenant', async () => {
  await heading(page, 'Tenants')
  await page.getByRole('banner').getByText('Operator', { exact: true }).waitFor()
  const links = await page.getByRole('navigation', { name: 'Administration' }).getByRole('link').allInnerTexts()
  assert.deepEqual(links.map(text => text.trim()), ['Tenants', 'Events', 'API keys', 'Webhooks'])
  await page.goto('/settings')
  await heading(page, 'Not for your role')
  await page.goto('/tenants')
})

test('a tenant is created; markup in its name is text', async () => {
  await page.getByRole('button', { name: 'New tenant' }).click()
  const dialog = page.getByRole('dialog', { name: 'New tenant' })
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByText('A name is needed.').waitFor()
  await dialog.getByLabel('Name').fill(NAME)
  await dialog.getByRole('button', { name: /Region/ }).click()
  await page.getByRole('option', { name: /^eu-west-1/ }).click()
  await dialog.getByRole('button', { name: 'Create' }).click()
  await row(NAME).getByText('eu-west-1').waitFor()
  await row(NAME).getByText('Active', { exact: true }).waitFor()
  assert.equal(await page.locator('main i').count(), 0)
  await picture(page, 'tenants')
})

test('a tenant is deactivated and reactivated', async () => {
  await page.getByRole('button', { name: `Actions for ${NAME}` }).click()
  assert.equal(await page.getByRole('menuitem', { name: 'Destroy' }).getAttribute('aria-disabled'), 'true', 'not while it is active')
  await page.getByRole('menuitem', { name: 'Deactivate', exact: true }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Deactivate' }).click()
  await row(NAME).getByText('Deactivated', { exact: true }).waitFor()
  await act(page, NAME, 'Reactivate')
  await row(NAME).getByText('Active', { exact: true }).waitFor()
})

test('a tenant is destroyed only by typing its name, and that can be cancelled', async () => {
  await act(page, NAME, 'Deactivate')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Deactivate' }).click()
  await row(NAME).getByText('Deactivated', { exact: true }).waitFor()
  await act(page, NAME, 'Destroy')
  const dialog = page.getByRole('alertdialog')
  const destroy = dialog.getByRole('button', { name: 'Destroy' })
  await dialog.getByLabel(/^Type the tenant/).fill('Fourth Coffee')
  assert.ok(await destroy.isDisabled())
  await dialog.getByLabel(/^Type the tenant/).fill(NAME)
  await destroy.click()
  await row(NAME).getByText(/Destroyed at .*in 6 days|Destroyed at .*in 7 days/).waitFor()
  await act(page, NAME, 'Cancel destruction')
  await row(NAME).getByText('Destroyed at').waitFor({ state: 'hidden' })
})

test('an API key’s token is shown once, works, and stops working when the key is deleted', async () => {
  await page.getByRole('link', { name: 'API keys' }).click()
  await page.getByRole('button', { name: 'New API key' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Description').fill('Nightly export')
  await dialog.getByRole('button', { name: /Tenant/ }).click()
  await page.getByRole('option', { name: /^Tailspin Toys/ }).click()
  await dialog.getByRole('button', { name: /Role/ }).click()
  await page.getByRole('option', { name: /^Auditor/ }).click()
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByText('This is shown once').waitFor()
  const token = (await dialog.getByRole('region', { name: 'Token' }).innerText()).trim()
  await ground.call('GET', '/api/v1/audits', undefined, token)
  await dialog.getByRole('button', { name: 'I have kept it' }).click()
  await page.getByRole('button', { name: /^Tailspin Toys.*Keys of/ }).waitFor()
  await row('Nightly export').getByText('Auditor', { exact: true }).waitFor()
  assert.ok(!(await page.content()).includes(token), 'and nowhere else')
  await act(page, 'Nightly export', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await row('Nightly export').waitFor({ state: 'hidden' })
  await assert.rejects(ground.call('GET', '/api/v1/audits', undefined, token), /401/)
})

test('the deployment’s events are shown to the operator', async () => {
  await ground.makeKey('PlatformOperator', undefined, 'second operator')
  await page.getByRole('link', { name: 'Events' }).click()
  await page.getByRole('cell', { name: 'com.tenantseal.v1.api-key.created', exact: true }).first().waitFor()
})

test('a webhook is created, delivers, and shows its deliveries', async () => {
  await page.getByRole('link', { name: 'Webhooks' }).click()
  await page.getByText('No webhooks yet').waitFor()
  await page.getByRole('button', { name: 'New webhook' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Security desk')
  await dialog.getByLabel('URL').fill('nonsense')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('Enter a whole URL').waitFor()
  await dialog.getByLabel('URL').fill(`http://127.0.0.1:${receiver.address().port}/hook`)
  await dialog.getByRole('button', { name: 'Make a secret' }).click()
  await dialog.getByLabel('Headers').fill('X-Team: security')
  await dialog.getByLabel('Filter').fill('nonsense')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('The filter ').waitFor()
  await dialog.getByLabel('Filter').fill('id ne "nothing"')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await row('Security desk').getByText('Enabled').waitFor()
  await ground.makeKey('PlatformOperator', undefined, 'third operator')
  await until('a delivery', () => received.length > 0)
  assert.match(received[0].headers['qlik-signature'], /^[0-9a-f]{64}$/)
  assert.equal(received[0].headers['x-team'], 'security')
  await page.getByRole('link', { name: 'Security desk' }).click()
  await heading(page, 'Security desk')
  await row('api-key.created').first().getByText('Delivered').waitFor()
  await picture(page, 'webhook')
})

test('a delivery that failed can be looked at and sent again', async () => {
  answerWith = 500
  const before = received.length
  await ground.makeKey('PlatformOperator', undefined, 'fourth operator')
  await until('a failed delivery', () => received.length > before)
  await until('it to be listed', async () => {
    await page.getByRole('button', { name: 'Refresh' }).click()
    return row('Tried again').count()
  })
  answerWith = 200
  const first = row('api-key.created').first()
  await first.getByRole('button', { name: /^Actions/ }).click()
  await page.getByRole('menuitem', { name: 'Show' }).click()
  await page.getByRole('dialog').getByRole('region', { name: 'Request' }).waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
  const sent = received.length
  await first.getByRole('button', { name: /^Actions/ }).click()
  await page.getByRole('menuitem', { name: 'Resend' }).click()
  await until('it is sent again', () => received.length > sent)
})

test('a webhook is edited, disabled and deleted', async () => {
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('Security office')
  await page.getByRole('dialog').getByLabel('Headers').fill('Content-Type: text/plain')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').locator('.field').filter({ hasText: 'Headers' }).getByText('is the service').waitFor()
  await page.getByRole('dialog').getByLabel('Headers').fill('X-Team: office')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await heading(page, 'Security office')
  await page.getByText('X-Team: office').waitFor()
  await page.getByText('id ne "nothing"').waitFor()
  await page.getByRole('link', { name: 'Webhooks' }).first().click()
  await act(page, 'Security office', 'Disable')
  await row('Security office').getByText('Disabled').waitFor()
  await act(page, 'Security office', 'Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('No webhooks yet').waitFor()
  assertCalm(page)
})
