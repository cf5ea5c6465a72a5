import type { Plugin } from 'vite'

// For development against a service that is on another origin or that has no sign-in: with
// TENANTSEAL_DEV_KEY set, the development server attaches that API key to every request and answers
// the session routes itself. Never part of what is built.
export function devSession (): Plugin {
  const key = process.env['TENANTSEAL_DEV_KEY']
  const service = process.env['TENANTSEAL_DEV_SERVER'] ?? 'http://127.0.0.1:8080'
  return {
    name: 'dev-session',
    apply: 'serve',
    configureServer (server) {
      if (!key) return
      let signedIn = true
      server.middlewares.use(async (request, response, next) => {
        const headers = { Authorization: `Bearer ${key}` }
        request.headers.authorization = headers.Authorization
        const answer = (status: number, body?: unknown): void => {
          response.statusCode = status
          response.setHeader('Content-Type', 'application/json')
          response.end(body === undefined ? '' : JSON.stringify(body))
        }
        const path = request.url?.split('?')[0]
        if (path === '/api/v1/session/options') {
          return answer(200, { apiKey: true, oidc: null, emulated: true, emulatorUrl: 'http://127.0.0.1:4790/_emulator/', version: 'dev' })
        }
        if (path !== '/api/v1/session') return next()
        if (request.method === 'POST') signedIn = true
        if (request.method === 'DELETE') { signedIn = false; return answer(200, {}) }
        if (!signedIn) return answer(401, { errors: [{ code: 'unauthenticated', title: 'No.' }] })
        const user = await (await fetch(`${service}/api/v1/users/me`, { headers })).json()
        const own = await fetch(`${service}/api/v1/tenants/me`, { headers })
        const hour = new Date(Date.now() + 3600_000).toISOString()
        answer(request.method === 'POST' ? 201 : 200, {
          principal: { id: user.id, name: user.name },
          role: user.roles[0],
          tenant: own.ok ? await own.json() : null,
          signedInWith: 'api-key',
          createdAt: new Date().toISOString(),
          idleExpiresAt: hour,
          expiresAt: hour
        })
      })
    }
  }
}
