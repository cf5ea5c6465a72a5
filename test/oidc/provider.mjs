// A real OpenID Connect provider (npm's oidc-provider) for tests: on this machine, with the users
// that it is given, and a page to sign in that asks for a name alone.
//
// As a module: `const provider = await startProvider({...})`, then `provider.issuer`, `.stop()`,
// `.rotate()` (new keys) and `.seen` (what its token endpoint was asked).
//
// As a program: `node provider.mjs --redirect-uri URL [--port N] [--after-sign-out URL]
// [--users FILE] [--client-id ID] [--client-secret SECRET]` prints one line of JSON,
// {"issuer","clientId","clientSecret"}, and serves until it is ended. FILE holds an object of
// {"NAME": {"tenant","role","name","email"}}; tenant and role go into the tokens as they are.
import { createServer } from 'node:http'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { Provider } from 'oidc-provider'

export const AUDIENCE = 'https://api.tenantseal.test'

function newKeys () {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const kid = randomBytes(8).toString('hex')
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] }
}

const escaped = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<body><main><h1>${title}</h1>${body}</main></body></html>`

const signInPage = (uid, users) => page('Test provider', `
<form method="post" action="/interaction/${escaped(uid)}">
<p><label>User <input name="user" list="users" autofocus required></label></p>
<datalist id="users">${Object.keys(users).map(user => `<option value="${escaped(user)}">`).join('')}</datalist>
<p><button name="action" value="sign-in">Sign in</button>
<button name="action" value="cancel" formnovalidate>Cancel</button></p></form>`)

async function formOf (request) {
  let body = ''
  for await (const chunk of request) {
    body += chunk
    if (body.length > 4096) throw new Error('too long')
  }
  return new URLSearchParams(body)
}

// Users may do whatever the client asks for: there is no page to consent on.
async function grantEverything (ctx) {
  const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
  grant.addOIDCScope('openid profile email')
  grant.addResourceScope(AUDIENCE, 'use')
  await grant.save()
  return grant
}

function configuration ({ clientId, clientSecret, redirectUri, afterSignOut, users, machines, jwks }) {
  const claimsOf = user => ({ tenant: users[user]?.tenant, role: users[user]?.role })
  const common = { redirect_uris: [redirectUri], response_types: ['code'], grant_types: ['authorization_code'] }
  return {
    jwks,
    clients: [
      {
        ...common,
        client_id: clientId,
        post_logout_redirect_uris: afterSignOut ? [afterSignOut] : [],
        ...(clientSecret
          ? { client_secret: clientSecret, token_endpoint_auth_method: 'client_secret_basic' }
          : { token_endpoint_auth_method: 'none' })
      },
      ...Object.entries(machines).map(([id, { secret }]) => ({
        client_id: id, client_secret: secret, redirect_uris: [], response_types: [], grant_types: ['client_credentials']
      }))
    ],
    cookies: { keys: [randomBytes(16).toString('hex')] },
    claims: { openid: ['sub', 'tenant', 'role'], profile: ['name'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false, // So that the ID token holds them all.
    findAccount: (ctx, id) => users[id] && {
      accountId: id,
      claims: () => ({ sub: id, name: users[id].name, email: users[id].email, email_verified: true, ...claimsOf(id) })
    },
    extraTokenClaims: (ctx, token) => token.accountId
      ? { ...claimsOf(token.accountId), name: users[token.accountId]?.name }
      : { tenant: machines[token.clientId]?.tenant, role: machines[token.clientId]?.role },
    loadExistingGrant: grantEverything,
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client) => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'use', audience: AUDIENCE, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } }
        })
      }
    },
    ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, Interaction: 600, Session: 600, Grant: 600, ClientCredentials: 300 },
    renderError: (ctx, out) => { ctx.type = 'html'; ctx.body = page('Refused', `<p>${escaped(out.error)}: ${escaped(out.error_description ?? '')}</p>`) }
  }
}

async function interact (provider, users, request, response) {
  const details = await provider.interactionDetails(request, response)
  if (request.method !== 'POST') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    return response.end(signInPage(details.uid, users))
  }
  const form = await formOf(request)
  const user = form.get('user')
  const result = form.get('action') === 'cancel' || !Object.hasOwn(users, user)
    ? { error: 'access_denied', error_description: 'the user has cancelled' }
    : { login: { accountId: user } }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

export async function startProvider ({ port = 0, clientId = 'tenantseal', clientSecret = 'secret-of-the-client', redirectUri, afterSignOut, users = {}, machines = {} }) {
  const server = createServer()
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${server.address().port}`
  const seen = []
  let provider
  const rotate = () => {
    provider = new Provider(issuer, configuration({ clientId, clientSecret, redirectUri, afterSignOut, users, machines, jwks: newKeys() }))
    provider.on('server_error', (ctx, error) => console.error(error))
  }
  rotate()
  server.on('request', (request, response) => {
    const path = new URL(request.url, issuer).pathname
    seen.push(path)
    if (!path.startsWith('/interaction/')) return provider.callback()(request, response)
    interact(provider, users, request, response).catch(error => {
      response.statusCode = 400
      response.end(String(error.message))
    })
  })
  return {
    issuer,
    clientId,
    clientSecret,
    seen,
    rotate,
    stop: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections() })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const text = { type: 'string' }
  const { values } = parseArgs({
    options: { port: text, 'redirect-uri': text, 'after-sign-out': text, users: text, 'client-id': text, 'client-secret': text }
  })
  if (!values['redirect-uri']) {
    console.error('usage: node provider.mjs --redirect-uri URL [--port N] [--after-sign-out URL] [--users FILE] [--client-id ID] [--client-secret SECRET]')
    process.exit(2)
  }
  const { issuer, clientId, clientSecret } = await startProvider({
    port: Number(values.port ?? 0),
    redirectUri: values['redirect-uri'],
    afterSignOut: values['after-sign-out'],
    users: values.users ? JSON.parse(await readFile(values.users, 'utf8')) : {},
    ...(values['client-id'] && { clientId: values['client-id'] }),
    ...(values['client-secret'] && { clientSecret: values['client-secret'] })
  })
  console.log(JSON.stringify({ issuer, clientId, clientSecret }))
}
