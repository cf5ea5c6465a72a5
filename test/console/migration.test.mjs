// A migration that goes on for a while: pause, resume, cancel, a reload, a second screen, a service that
// is killed and comes back, and what only a person can decide: a key that refuses, and data keys that do
// not authenticate.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { act, assertAccessible, card, DEMO_KEY, Ground, heading, picture, until, wantsPicture } from './ground.mjs'

const DATA_KEYS = 40_000
const RATE = 5_000 // So slow that it takes longer than to press a button.
const BATCH = 1000
let ground, tenant, page, second

const policyOf = async () => JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*', Resource: '*' },
    ...await ground.call('GET', '/api/v1/encryption/key-policy', undefined, tenant.admin)
  ]
})

before(async () => {
  ground = await Ground.start({ prepare: () => ({ flags: ['--migration-rate', `${RATE}`] }) })
  tenant = await ground.makeTenant('Blue Yonder Airlines')
  const { token } = await ground.makeKey('ContentService', tenant.id)
  for (let i = 0; i < DATA_KEYS; i += BATCH) {
    await ground.call('POST', '/api/v1/encryption/data-keys',
      { managed: true, encryptionContext: {}, count: BATCH, plaintext: false }, token)
  }
  const id = DEMO_KEY.split('/')[1]
  const policy = await policyOf()
  for (const region of ['us-east-1', 'us-east-2']) {
    await ground.shell(`aws --region ${region} kms put-key-policy --key-id ${id} --policy-name default --policy '${policy.replaceAll("'", '')}'`)
  }
  await until('the key can be registered', async () => {
    const answer = await fetch(`${ground.url}/api/v1/encryption/keyproviders`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${tenant.admin}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ arn: DEMO_KEY, name: 'Airline key', keyprovider: 'AWS-KMS' })
    })
    return answer.status === 201 || answer.status === 409
  })
  page = await ground.signedIn(tenant.admin, '/settings/encryption')
  second = await ground.signedIn(tenant.admin, '/settings/encryption')
})
after(() => ground?.stop())

const panel = where => where.getByRole('region', { name: 'Migration', exact: true })
const last = where => where.getByRole('region', { name: 'Last migration' })

async function begin (title) {
  await act(page, title, 'Migrate')
  const dialog = page.getByRole('dialog', { name: 'Change key provider' })
  await dialog.getByText(/I confirm/).click()
  await dialog.getByRole('button', { name: 'Change key provider' }).click()
  await dialog.waitFor({ state: 'hidden' })
}

async function pauseAtOnce () {
  await panel(page).getByRole('button', { name: 'Pause' }).click()
  await panel(page).getByText('Paused by hand').first().waitFor()
}

test('it can be paused, and says why it waits', async () => {
  await begin('Airline key')
  if (wantsPicture('migration')) {
    await panel(page).getByText(/^[1-9][\d,]* a second$/).waitFor()
    await picture(page, 'migration')
  }
  await pauseAtOnce()
  await panel(page).getByText('Somebody paused this migration.').waitFor()
  await card(page, 'Airline key').getByText('Migrating', { exact: true }).waitFor()
  await page.getByRole('article').first().getByText('Active', { exact: true }).waitFor()
})

test('a second screen shows the same', async () => {
  await panel(second).getByText('Paused by hand').first().waitFor()
  const figure = where => panel(where).getByRole('progressbar').getAttribute('aria-valuenow')
  assert.equal(await figure(second), await figure(page))
})

test('a reload shows the same', async () => {
  const shown = await panel(page).getByRole('progressbar').getAttribute('aria-valuenow')
  await page.reload()
  await panel(page).getByText('Paused by hand').first().waitFor()
  assert.equal(await panel(page).getByRole('progressbar').getAttribute('aria-valuenow'), shown)
})

test('while it goes on nothing else can be begun, and its keys cannot be deleted', async () => {
  await page.getByRole('button', { name: 'Actions for Airline key' }).click()
  for (const name of ['Migrate', 'Delete']) {
    assert.equal(await page.getByRole('menuitem', { name: new RegExp(`^${name}`) }).getAttribute('aria-disabled'), 'true')
  }
  await page.getByText('A migration leads from or to it.').waitFor()
  await page.keyboard.press('Escape')
})

test('cancelled from the second screen it is cancelled on the first', async () => {
  await panel(second).getByRole('button', { name: 'Cancel migration' }).click()
  const confirm = second.getByRole('alertdialog')
  await confirm.getByText('The current key stays active.').waitFor()
  await confirm.getByRole('button', { name: 'Cancel migration' }).click()
  await last(second).getByText('Cancelled', { exact: true }).waitFor()
  await last(page).getByText('Cancelled', { exact: true }).waitFor()
  await card(page, 'Airline key').getByText('Inactive', { exact: true }).waitFor()
})

test('the service killed in the middle: the page says so, and goes on by itself', async () => {
  await begin('Airline key')
  await panel(page).getByText(`of ${DATA_KEYS.toLocaleString('en-US')}`).waitFor()
  await ground.killService()
  await page.getByText('The service does not answer.').first().waitFor()
  assert.ok(await page.getByText('The service does not answer.').first().isVisible())
  await picture(page, 'offline')
  await ground.startService()
  await page.getByText('The service does not answer.').first().waitFor({ state: 'hidden' })
  for (const where of [page, second]) {
    await last(where).getByText('Completed').waitFor({ timeout: 240_000 })
    await card(where, 'Airline key').getByText('Active', { exact: true }).waitFor()
  }
  const migration = await ground.call('GET', '/api/v1/encryption/keyproviders/migration/actions/details', undefined, tenant.admin)
  assert.equal(migration.done, DATA_KEYS)
})

test('a current key that is disabled in AWS needs attention', async () => {
  const id = DEMO_KEY.split('/')[1]
  await ground.shell(`aws --region us-east-1 kms disable-key --key-id ${id}`)
  await act(page, 'Airline key', 'Validate')
  const dialog = page.getByRole('dialog')
  await dialog.getByText(/checks failed/).waitFor()
  await dialog.getByText('To fix:').first().waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await card(page, 'Airline key').getByText('Attention', { exact: true }).waitFor()
  await page.goto('/settings')
  await heading(page, 'Settings')
  await page.getByText('Needs attention').waitFor()
  assert.equal(await page.getByText('Healthy').count(), 0)
  await ground.shell(`aws --region us-east-1 kms enable-key --key-id ${id}`)
})

test('a current key that refuses: the migration can be finished with the target alone', async () => {
  const id = DEMO_KEY.split('/')[1]
  await page.goto('/settings/encryption')
  const internal = await page.getByRole('article').first().getAttribute('aria-label')
  await card(page, 'Airline key').getByText('Active', { exact: true }).waitFor()
  await begin(internal)
  await panel(page).getByText(`of ${DATA_KEYS.toLocaleString('en-US')}`).waitFor()
  await pauseAtOnce()
  await ground.shell(`aws --region us-east-1 kms disable-key --key-id ${id}`)
  await panel(page).getByRole('button', { name: 'Resume' }).click()
  // The source's owner is asked at the latest when all has moved.
  await panel(page).getByText('The current key refuses', { exact: true }).waitFor()
  const finish = panel(page).getByRole('button', { name: 'Finish with the target key alone' })
  await assertAccessible(page, 'the migration whose source refuses')
  await panel(page).getByRole('button', { name: 'Resume' }).click()
  await panel(page).getByText(/admit the service again/).first().waitFor()
  await finish.click()
  await last(page).getByText('Completed', { exact: true }).waitFor()
  await last(second).getByText('Completed', { exact: true }).waitFor()
  await card(page, internal).getByText('Active', { exact: true }).waitFor()
  await ground.shell(`aws --region us-east-1 kms enable-key --key-id ${id}`)
})

test('data keys that do not authenticate can be looked at, retried, and left behind', async () => {
  const BROKEN = 90
  const MENDED = 10
  // Somebody with access to the database moves wrapped keys between rows, and puts some back.
  await ground.sql(`ATTACH '${ground.directory}/kept.db' AS kept;
    CREATE TABLE kept.rows AS SELECT position, wrapped FROM data_keys ORDER BY position LIMIT ${BROKEN + 1};
    UPDATE data_keys SET wrapped = (SELECT r.wrapped FROM kept.rows r WHERE r.position > data_keys.position ORDER BY r.position LIMIT 1)
      WHERE position IN (SELECT position FROM kept.rows ORDER BY position LIMIT ${BROKEN});`)
  await until('the key admits the service again', async () => {
    const { outcome } = await ground.call('POST', '/api/v1/encryption/keyproviders/actions/test',
      { arn: DEMO_KEY, keyprovider: 'AWS-KMS' }, tenant.admin).catch(() => ({}))
    return outcome !== 'fail'
  })
  await begin('Airline key')
  await panel(page).getByText('Too many data keys do not authenticate', { exact: true }).waitFor()
  await panel(page).getByRole('button', { name: 'Look at them' }).click()
  const dialog = page.getByRole('dialog', { name: 'Data keys in quarantine' })
  await dialog.getByRole('row').nth(BROKEN).waitFor()
  assert.equal(await dialog.getByRole('row').count(), BROKEN + 1, 'each of them, under a head')
  await assertAccessible(page, 'the data keys in quarantine')

  await ground.sql(`ATTACH '${ground.directory}/kept.db' AS kept;
    UPDATE data_keys SET wrapped = (SELECT r.wrapped FROM kept.rows r WHERE r.position = data_keys.position)
      WHERE position IN (SELECT position FROM kept.rows ORDER BY position LIMIT ${MENDED});`)
  await dialog.getByRole('button', { name: 'Retry all' }).click()
  await page.getByText(`${MENDED} data keys authenticate again.`).first().waitFor()
  await dialog.getByRole('row').nth(BROKEN - MENDED + 1).waitFor({ state: 'detached' })
  assert.equal(await dialog.getByRole('row').count(), BROKEN - MENDED + 1)
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await panel(page).getByRole('button', { name: 'Accept and resume' }).click()
  await last(page).getByText('Completed', { exact: true }).waitFor()
  assert.match(await last(page).innerText(), new RegExp(`${BROKEN - MENDED} set aside`))
  await card(page, 'Airline key').getByText('Active', { exact: true }).waitFor()
})
