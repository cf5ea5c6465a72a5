// The service's API, typed by its own OpenAPI document. Adds the CSRF token to whatever changes
// something, tells the session when it has ended, and the connection whether anybody answers.
import createClient from 'openapi-fetch'
import { isLeftAlone } from './attendance'
import { ApiError, errorOf, noAnswer } from './errors'
import { reportReachable } from './connection'
import type { paths } from '../../generated/schema'

const CSRF_HEADER = 'qlik-csrf-token'
const UNATTENDED_HEADER = 'Tenantseal-Unattended'
let csrfToken: string | undefined
let onUnauthenticated: () => void = () => {}

export function whenUnauthenticated (handler: () => void): void { onUnauthenticated = handler }
export function forgetCsrfToken (): void { csrfToken = undefined }

async function exchange (request: Request): Promise<Response> {
  if (isLeftAlone()) request.headers.set(UNATTENDED_HEADER, 'true')
  try {
    const response = await fetch(request)
    // 502 and 504 are of a proxy before a service that is gone.
    reportReachable(response.status !== 502 && response.status !== 504)
    return response
  } catch (problem) {
    if (request.signal.aborted) throw problem
    reportReachable(false)
    throw noAnswer()
  }
}

async function currentCsrfToken (): Promise<string> {
  if (csrfToken !== undefined) return csrfToken
  const response = await exchange(new Request('/api/v1/csrf-token'))
  csrfToken = response.headers.get(CSRF_HEADER) ?? ''
  return csrfToken
}

async function isStaleToken (response: Response): Promise<boolean> {
  if (response.status !== 403) return false
  const body = await response.clone().json().catch(() => undefined) as { code?: string } | undefined
  return body?.code === 'CSRF-TOKEN-2'
}

async function withToken (request: Request): Promise<Response> {
  const again = request.clone()
  request.headers.set(CSRF_HEADER, await currentCsrfToken())
  const response = await exchange(request)
  if (!await isStaleToken(response)) return response
  csrfToken = undefined
  again.headers.set(CSRF_HEADER, await currentCsrfToken())
  return exchange(again)
}

async function guardedFetch (request: Request): Promise<Response> {
  const changes = request.method !== 'GET' && request.method !== 'HEAD'
  const response = await (changes ? withToken(request) : exchange(request))
  const signsIn = changes && new URL(request.url).pathname === '/api/v1/session'
  if (response.status === 401 && !signsIn) onUnauthenticated()
  return response
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: guardedFetch })

// The answer's data; throws ApiError for everything that is not a success.
export async function result<Data> (
  answer: Promise<{ data?: Data, error?: unknown, response: Response }>
): Promise<Data> {
  const { data, error, response } = await answer
  if (!response.ok) throw errorOf(response, error)
  return data as Data
}

// A route that the document does not describe with a type of its own.
export async function send<Data> (method: string, path: string, body?: unknown): Promise<Data> {
  const request = new Request(path, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  const response = await guardedFetch(request)
  const text = await response.text()
  let parsed: unknown
  try {
    parsed = text === '' ? undefined : JSON.parse(text)
  } catch {
    throw new ApiError(response.status, 'not-json', 'The service answered what is no JSON.', '',
      response.headers.get('x-request-id') ?? '')
  }
  if (!response.ok) throw errorOf(response, parsed)
  return parsed as Data
}
