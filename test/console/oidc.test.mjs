// Signing in at a real OpenID Connect provider from the console's own page, and out again.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { assertAccessible, assertCalm, Ground, heading } from './ground.mjs'
import { startProvider } from '../oidc/provider.mjs'

const SECRET = 'client-secret-of-the-console-test'
const users = {}
let ground, provider, tenant

before(async () => {
  ground = await Ground.start({
    aws: false,
    prepare: async ({ url }) => {
      provider = await startProvider({
        clientSecret: SECRET, redirectUri: `${url}/login/callback`, afterSignOut: `${url}/signin`, users
      })
      return {
        flags: ['--public-url', url, '--oidc-issuer', provider.issuer, '--oidc-client-id', 'tenantseal', '--oidc-name', 'Contoso'],
        environment: { TENANTSEAL_OIDC_CLIENT_SECRET: SECRET }
      }
    }
  })
  tenant = await ground.makeTenant('Contoso')
  Object.assign(users, {
    ada: { name: 'Ada Lovelace', email: 'ada@example.com', tenant: tenant.id, role: 'TenantAdmin' },
    grace: { name: 'Grace Hopper', email: 'grace@example.com', tenant: tenant.id, role: 'Auditor' },
    stranger: { name: 'A Stranger', email: 'stranger@example.com' }
  })
})
after(async () => {
  await ground?.stop()
  await provider?.stop()
})

const button = page => page.getByRole('button', { name: 'Sign in with Contoso' })

async function atProvider (page, user, action = 'Sign in') {
  await page.getByRole('heading', { name: 'Test provider' }).waitFor()
  await page.getByLabel('User').fill(user)
  await page.getByRole('button', { name: action, exact: true }).click()
}

test('the button leads to the provider, and back to the page one wanted', async () => {
  const page = await ground.open()
  await page.goto('/events')
  await assertAccessible(page, 'the page to sign in with a provider')
  await button(page).click()
  await atProvider(page, 'ada')
  await heading(page, 'Events')
  assert.equal(new URL(page.url()).pathname, '/events')
  await page.getByText('Ada Lovelace').first().waitFor()
  await page.getByText('Contoso').first().waitFor()
  await page.reload()
  await heading(page, 'Events')
  assertCalm(page)

  // Out again: here and, after a page of its own, at the provider.
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(url => url.origin === provider.issuer)
  await page.getByRole('button', { name: /Yes/ }).click()
  await page.waitForURL(url => url.origin === ground.url && url.pathname === '/signin')
  await page.goto('/events')
  await button(page).waitFor()
  await page.context().close()
})

test('an auditor of the provider reads and does not act', async () => {
  const page = await ground.open()
  await page.goto('/signin')
  await button(page).click()
  await atProvider(page, 'grace')
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByText('Grace Hopper').first().waitFor()
  await page.getByText('Auditor').first().waitFor()
  await page.context().close()
})

for (const [who, user, action] of [['whom the provider gives no role', 'stranger', 'Sign in'], ['who changes their mind', 'ada', 'Cancel']]) {
  test(`somebody ${who} is told so, and can try again`, async () => {
    const page = await ground.open()
    await page.goto('/signin')
    await button(page).click()
    await atProvider(page, user, action)
    const note = page.getByRole('alert').filter({ hasText: 'Signing in failed' })
    await note.waitFor()
    await note.getByText(/^Request/).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0)
    await button(page).waitFor()
    if (action === 'Cancel') {
      await button(page).click()
      await atProvider(page, user)
      await page.getByText(users[user].name).first().waitFor()
    }
    await page.context().close()
  })
}
