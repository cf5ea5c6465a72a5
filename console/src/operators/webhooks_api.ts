// Webhooks as the API that this follows publishes them.
import { send } from '../api/client'
import { allPages } from '../data/pages'

const WEBHOOKS = '/api/v1/webhooks'

export interface Webhook {
  id: string
  name: string
  url: string
  description?: string
  eventTypes?: string[]
  enabled: boolean
  filter?: string
  headers?: Record<string, string>
  encryptedHeaders?: string[] | Record<string, string>
  secretKeyAdded?: boolean
  enableCloudEventDelivery?: boolean
  checkCertificateRevocation?: boolean
  disabledReason?: string
  origin?: string
  createdAt: string
  updatedAt: string
}

export interface WebhookBody {
  name: string
  url: string
  description: string
  eventTypes: string[]
  enabled: boolean
  headers: Record<string, string>
  filter?: string // Of a new one alone.
  secret?: string
  origin?: 'management-console'
}

export interface Delivery {
  id: string
  webhookId: string
  eventType: string
  triggeredAt: string
  status: string
  statusMessage?: string
  attempts?: number
  nextAttemptAt?: string // While it will be tried again.
  request?: { url?: string, headers?: Record<string, string>, body?: unknown }
  response?: { statusCode?: number, headers?: Record<string, string>, body?: unknown }
}

export interface EventKind { name: string, title?: string, description?: string, category?: string }

interface Listed<Item> { data: Item[], links: { next?: { href?: string } } }

const idOf = (id: string): string => `${WEBHOOKS}/${encodeURIComponent(id)}`
const withNext = (path: string, next: URLSearchParams | undefined): string => {
  const cursor = next?.get('next')
  return cursor ? `${path}&next=${encodeURIComponent(cursor)}` : path
}

export const listWebhooks = (): Promise<Webhook[]> =>
  allPages(next => send<Listed<Webhook>>('GET', withNext(`${WEBHOOKS}?limit=100`, next)))
export const loadWebhook = (id: string): Promise<Webhook> => send('GET', idOf(id))
export const loadEventKinds = async (): Promise<EventKind[]> =>
  (await send<{ data: EventKind[] }>('GET', `${WEBHOOKS}/event-types`)).data
export const createWebhook = (body: WebhookBody): Promise<Webhook> =>
  send('POST', WEBHOOKS, { ...body, origin: 'management-console' })

interface Operation { op: 'add' | 'replace', path: string, value: unknown }

// A patch, so that what this console does not show (encrypted headers) stays as it is.
export function changeWebhook (id: string, body: Partial<WebhookBody>): Promise<unknown> {
  const operations: Operation[] = Object.entries(body)
    .filter(([name, value]) => value !== undefined && name !== 'origin')
    .map(([name, value]) => ({ op: 'replace', path: `/${name}`, value }))
  return send('PATCH', idOf(id), operations)
}
export const deleteWebhook = (id: string): Promise<unknown> => send('DELETE', idOf(id))

export const listDeliveries = (id: string, status: string): Promise<Listed<Delivery>> =>
  send('GET', `${idOf(id)}/deliveries?limit=50&sort=-triggeredAt${status === 'any' ? '' : `&status=${status}`}`)
export const loadDelivery = (id: string, deliveryId: string): Promise<Delivery> =>
  send('GET', `${idOf(id)}/deliveries/${encodeURIComponent(deliveryId)}`)
export const resendDelivery = (id: string, deliveryId: string): Promise<unknown> =>
  send('POST', `${idOf(id)}/deliveries/${encodeURIComponent(deliveryId)}/actions/resend`)
