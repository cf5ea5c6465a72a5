// What every test of the console stands on: the emulator of AWS, the service, Chromium, and people
// with API keys. TENANTSEAL_BIN and TENANTSEAL_EMULATOR name the binaries, CHROMIUM the browser.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

const RELEASE = new URL('../../build/release/bin/', import.meta.url).pathname
const BINARY = process.env.TENANTSEAL_BIN ?? join(RELEASE, 'tenantseal')
const EMULATOR = process.env.TENANTSEAL_EMULATOR ?? join(RELEASE, 'tenantseal-aws-emulator')
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const OPERATOR = 'operator-key-of-the-console-test-0001'
const ROLE = 'arn:aws:iam::338144066592:role/byok-encryption-proxy-role'
const START_TRIES = 1500
const STEP_MS = 60_000 // Machines that build and test at once are slow.
export const DEMO_KEY = 'arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab'
const AXE = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

function freePort () {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

// Waits until `look` gives something; for what is not on a page.
export async function until (what, look, seconds = 90) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(100)) {
    const seen = await look()
    if (seen) return seen
  }
  assert.fail(`${what} did not come about in ${seconds} s`)
}

export class Ground {
  #children = new Map()

  // `aws`: with the emulator and its demonstration key, whose policy admits another tenant.
  // `prepare`: is given the ground before the service starts; returns {flags, environment}.
  static async start ({ aws = true, prepare = () => ({}) } = {}) {
    const ground = new Ground()
    ground.directory = await mkdtemp(join(tmpdir(), 'console-test-'))
    await mkdir(join(ground.directory, 'data'), { mode: 0o700 })
    if (aws) {
      ground.emulatorUrl = `http://127.0.0.1:${await freePort()}`
      await ground.#run('emulator', EMULATOR, ['--demo', '--listen', new URL(ground.emulatorUrl).host], {}, `${ground.emulatorUrl}/_emulator/clock`)
    }
    ground.port = await freePort()
    ground.url = `http://127.0.0.1:${ground.port}`
    ground.more = await prepare(ground)
    await ground.startService()
    ground.browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
    })
    return ground
  }

  async #run (name, binary, args, environment, health) {
    const path = join(this.directory, `${name}.log`)
    const log = openSync(path, 'a')
    const child = spawn(binary, args, { env: { ...process.env, ...environment }, stdio: ['ignore', log, log] })
    this.#children.set(name, child)
    for (let i = 0; i < START_TRIES && child.exitCode === null; i++) {
      try {
        if ((await fetch(health)).status < 500) return
      } catch { /* Not listening yet. */ }
      await pause(20)
    }
    throw new Error(`${binary} did not start:\n${await readFile(path, 'utf8')}`)
  }

  // On the same port and data as before.
  startService () {
    const environment = {
      TENANTSEAL_OPERATOR_KEY: OPERATOR,
      ...this.more.environment,
      ...(this.emulatorUrl
        ? {
            AWS_ENDPOINT_URL: this.emulatorUrl,
            AWS_ACCESS_KEY_ID: 'AKIATENANTSEALSVC001',
            AWS_SECRET_ACCESS_KEY: 'tenantseal-service-secret'
          }
        : {})
    }
    const aws = this.emulatorUrl ? ['--aws-role-arn', ROLE, '--aws-emulated', '--aws-emulated-page', `${this.emulatorUrl}/_emulator/`] : []
    return this.#run('service', BINARY, ['serve', '--data-dir', join(this.directory, 'data'), '--listen',
      `127.0.0.1:${this.port}`, ...aws, ...(this.more.flags ?? [])], environment, `${this.url}/healthz`)
  }

  async killService (signal = 'SIGKILL') {
    const child = this.#children.get('service')
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  async stop () {
    await this.browser?.close()
    for (const child of this.#children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    await rm(this.directory, { recursive: true, force: true })
  }

  serviceLog () { return readFile(join(this.directory, 'service.log'), 'utf8') }

  // The API without the console.
  async call (method, path, body, key = OPERATOR) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {})
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  async makeTenant (name, region = 'us-east-1') {
    const tenant = await this.call('POST', '/api/v1/tenants', { name, region })
    return { ...tenant, admin: (await this.makeKey('TenantAdmin', tenant.id, 'Security team')).token }
  }

  makeKey (role, tenantId, description = role) {
    return this.call('POST', '/api/v1/api-keys', { description, role, ...(tenantId ? { tenantId } : {}) })
  }

  get operator () { return OPERATOR }

  // What somebody with access to the database does there.
  sql (statements) {
    return promisify(execFile)('sqlite3', ['-cmd', '.timeout 10000', join(this.directory, 'data', 'tenantseal.db'), statements])
  }

  // What somebody types into a shell: `aws` is the customer's administrator at the emulator.
  async shell (script) {
    const environment = {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'AKIACUSTOMERADMIN001',
      AWS_SECRET_ACCESS_KEY: 'customer-admin-secret',
      AWS_PAGER: ''
    }
    const aws = `aws () { command aws --endpoint-url ${this.emulatorUrl} "$@"; }\n`
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', aws + script],
      { env: environment, cwd: this.directory })
    return stdout
  }

  async emulate (path, body) {
    const answer = await fetch(`${this.emulatorUrl}/_emulator/${path}`, { method: 'POST', body: JSON.stringify(body) })
    assert.ok(answer.ok, await answer.text())
  }

  // A window of its own: nobody is signed in there. What the browser complains of fails the test,
  // except refusals that the page shows by itself.
  async open ({ width = 1280, height = 860, theme = 'light' } = {}) {
    const context = await this.browser.newContext({
      viewport: { width, height }, colorScheme: theme, acceptDownloads: true, baseURL: this.url
    })
    const page = await context.newPage()
    page.complaints = []
    page.on('console', message => {
      if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) page.complaints.push(message.text())
    })
    page.on('pageerror', problem => { page.complaints.push(String(problem)) })
    page.setDefaultTimeout(STEP_MS)
    return page
  }

  async signedIn (apiKey, path = '/', options = {}) {
    const page = await this.open(options)
    await page.goto(path === '/' ? '/signin' : `/signin?returnto=${encodeURIComponent(path)}`)
    await signIn(page, apiKey)
    await page.getByRole('heading', { level: 1 }).waitFor()
    return page
  }
}

export async function signIn (page, apiKey) {
  await page.getByLabel('API key', { exact: true }).fill(apiKey)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}

export async function heading (page, name) {
  await page.getByRole('heading', { level: 1, name, exact: true }).waitFor()
}

export async function act (page, title, action) {
  await page.getByRole('button', { name: `Actions for ${title}`, exact: true }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}

export const card = (page, title) => page.getByRole('article', { name: title, exact: true })

export async function assertAccessible (page, where) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run(globalThis.document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  }))
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html.slice(0, 120) + " " + node.target.join(' ')).join(', ')}`)
  assert.deepEqual(said, [], `axe finds nothing on ${where}`)
}

export function assertCalm (page) {
  assert.deepEqual(page.complaints, [], 'the browser has nothing to complain of')
}

// Pictures for docs/images: made when they are missing or CONSOLE_SCREENSHOTS=1 asks for new ones.
const IMAGES = new URL('../../docs/images/', import.meta.url).pathname
const placeOf = name => join(IMAGES, `console-${name}.png`)

export const wantsPicture = name => process.env.CONSOLE_SCREENSHOTS === '1' || !existsSync(placeOf(name))

export async function picture (page, name) {
  if (!wantsPicture(name)) return
  await mkdir(IMAGES, { recursive: true })
  await page.screenshot({ path: placeOf(name) })
}
