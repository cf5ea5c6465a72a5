import { api, result } from '../api/client'
import type { ApiKey, Audit, ChainCheck } from '../api/types'
import { eventTimeOf, type EventQuery } from './query'

export const AUDIT_STREAM = '/api/v1/audits/stream'
const PAGE = 50
const EXPORT_PAGE = 100
export const EXPORT_MAX = 5000

export interface EventPage { events: Audit[], next: string | undefined }

const cursorOf = (href: string | undefined): string | undefined =>
  href === undefined ? undefined : new URL(href, location.origin).searchParams.get('next') ?? undefined

export async function loadEvents (query: EventQuery, next?: string, limit = PAGE): Promise<EventPage> {
  const eventTime = eventTimeOf(query, new Date())
  const answer = await result(api.GET('/api/v1/audits', {
    params: { query: {
      limit,
      sort: query.sort,
      ...(query.type === '' ? {} : { eventType: query.type }),
      ...(query.user === '' ? {} : { userId: query.user }),
      ...(eventTime === undefined ? {} : { eventTime }),
      ...(next === undefined ? {} : { next })
    } }
  }))
  return { events: answer.data, next: cursorOf(answer.links.next?.href) }
}

// Everything that the filters admit, up to a bound; `complete` says whether that was all.
export async function loadForExport (query: EventQuery): Promise<{ events: Audit[], complete: boolean }> {
  const events: Audit[] = []
  let next: string | undefined
  do {
    const page: EventPage = await loadEvents(query, next, EXPORT_PAGE)
    events.push(...page.events)
    next = page.next
  } while (next !== undefined && events.length < EXPORT_MAX)
  return { events, complete: next === undefined }
}

// The whole chain, however many answers that takes.
export async function checkChain (): Promise<ChainCheck> {
  let next: string | undefined
  let hash: string | undefined
  for (;;) {
    const { data, links } = await result(api.GET('/api/v1/audits/chain', { params: { query: next === undefined ? {} : { next } } }))
    hash = data.hash ?? hash
    next = cursorOf(links.next?.href)
    if (next === undefined) return hash === undefined ? data : { ...data, hash }
  }
}

export const loadTypes = async (): Promise<string[]> => (await result(api.GET('/api/v1/audits/types'))).data

// What API keys are called, by the user id that events have for them. Auditors may not list keys.
export async function loadNames (): Promise<ReadonlyMap<string, string>> {
  const answer = await result(api.GET('/api/v1/api-keys', { params: { query: { limit: 100 } } }))
  return new Map(answer.data.map((key: ApiKey) => [`api-key:${key.id}`, key.description]))
}
