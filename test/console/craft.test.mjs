// Every page, in both themes, narrow and wide: axe finds nothing, nothing hangs over the edge, the
// browser has nothing to complain of; the keyboard gets everywhere; what is loaded first is small.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { assertAccessible, assertCalm, Ground, heading, signIn } from './ground.mjs'

const WIDTHS = [360, 1280]
const ADMIN_PAGES = ['/settings', '/settings/encryption', '/settings/encryption/new', '/events', '/api-keys', '/webhooks', '/nowhere']
const OPERATOR_PAGES = ['/tenants', '/events', '/api-keys', '/webhooks']
const FIRST_LOAD_MAX = 250 * 1024
let ground, tenant

before(async () => {
  ground = await Ground.start()
  tenant = await ground.makeTenant('The Very Long Winded Company of Names That Do Not End, Incorporated <b>Ltd</b>')
})
after(() => ground?.stop())

async function visit (page, path, where) {
  await page.goto(path)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null)
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(over <= 0, `${where} hangs over by ${over} px`)
  await assertAccessible(page, where)
}

for (const theme of ['light', 'dark']) {
  for (const width of WIDTHS) {
    test(`pages in the ${theme} theme at ${width} px`, async () => {
      const page = await ground.open({ theme, width, height: 800 })
      await visit(page, '/signin', `/signin ${theme} ${width}`)
      await signIn(page, tenant.admin)
      for (const path of ADMIN_PAGES) await visit(page, path, `${path} ${theme} ${width}`)
      assertCalm(page)
      const operators = await ground.signedIn(ground.operator, '/', { theme, width, height: 800 })
      for (const path of OPERATOR_PAGES) await visit(operators, path, `operator ${path} ${theme} ${width}`)
      assertCalm(operators)
      await page.context().close()
      await operators.context().close()
    })
  }
}

test('dialogs and menus in both themes', async () => {
  for (const theme of ['light', 'dark']) {
    const page = await ground.signedIn(ground.operator, '/', { theme })
    await page.getByRole('button', { name: /^Actions for/ }).click()
    await assertAccessible(page, `an open menu, ${theme}`)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'New tenant' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
    await assertAccessible(page, `a dialog with an error, ${theme}`)
    await page.context().close()
  }
})

test('the theme is chosen, and kept over a reload', async () => {
  const page = await ground.signedIn(tenant.admin, '/', { theme: 'light' })
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await background()
  await page.getByRole('button', { name: /^Theme/ }).click()
  await page.getByRole('menuitem', { name: 'Dark' }).click()
  const dark = await background()
  assert.notEqual(dark, light)
  await page.reload()
  await heading(page, 'Settings')
  assert.equal(await background(), dark)
})

test('the keyboard alone: skip link, navigation, menu, dialog, and focus comes back', async () => {
  const page = await ground.signedIn(ground.operator)
  await page.reload()
  await heading(page, 'Tenants')
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
  await page.keyboard.press('Tab')
  assert.equal(await focused(), 'Skip to the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'content')
  await page.getByRole('button', { name: /^Actions for/ }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Deactivate', exact: true }).waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('alertdialog').waitFor()
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab')
    assert.ok(await page.evaluate(() => document.querySelector('[role=alertdialog]')?.contains(document.activeElement)), 'focus stays within')
  }
  await page.keyboard.press('Escape')
  await page.getByRole('alertdialog').waitFor({ state: 'hidden' })
  const outline = await page.evaluate(() => {
    document.querySelector('nav a')?.focus()
    return getComputedStyle(document.activeElement).outlineStyle
  })
  assert.equal(outline, 'solid', 'focus is visible')
})

test('narrow: the navigation is a drawer', async () => {
  const page = await ground.signedIn(tenant.admin, '/', { width: 360, height: 740 })
  await page.getByRole('button', { name: 'Navigation' }).click()
  await page.getByRole('dialog', { name: 'Navigation' }).getByText('Tenant admin', { exact: true }).waitFor()
  await page.getByRole('dialog', { name: 'Navigation' }).getByRole('link', { name: 'Events' }).click()
  await heading(page, 'Events')
  await page.getByRole('dialog', { name: 'Navigation' }).waitFor({ state: 'hidden' })
})

test('nothing moves while a page loads', async () => {
  const page = await ground.open()
  await page.addInitScript(() => {
    globalThis.shift = 0
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value
    }).observe({ type: 'layout-shift', buffered: true })
  })
  await page.goto('/signin')
  await signIn(page, tenant.admin)
  for (const path of ['/settings', '/settings/encryption', '/events']) {
    await page.goto(path)
    await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null)
    const shift = await page.evaluate(() => globalThis.shift)
    assert.ok(shift < 0.1, `${path} moves by ${shift}`)
  }
})

test('the first load is small and comes from here alone, under a strict policy', async () => {
  const page = await ground.open()
  let bytes = 0
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength })
  const origins = new Set()
  page.on('request', request => origins.add(new URL(request.url()).origin))
  const answer = await page.goto('/signin', { waitUntil: 'networkidle' })
  assert.ok(bytes > 20 * 1024 && bytes < FIRST_LOAD_MAX, `${bytes} bytes`)
  assert.deepEqual([...origins], [ground.url])
  const policy = answer.headers()['content-security-policy']
  assert.match(policy, /default-src 'none'/)
  assert.ok(!/unsafe-inline|unsafe-eval/.test(policy))
})
