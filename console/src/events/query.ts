// What the Events page asks for, as it stands in its own address and in the API's.
export type SortField = 'eventTime' | 'source' | 'eventType'
export type Period = 'any' | 'hour' | 'day' | 'week' | 'month' | 'custom'

export interface EventQuery {
  type: string // "": any.
  user: string
  period: Period
  from: string // "2026-01-02T03:04", UTC; of "custom".
  to: string
  sort: `${'+' | '-'}${SortField}`
}

export const DEFAULT_QUERY: EventQuery = { type: '', user: '', period: 'any', from: '', to: '', sort: '-eventTime' }

const PERIODS: readonly Period[] = ['any', 'hour', 'day', 'week', 'month', 'custom']
const PERIOD_HOURS: Readonly<Record<string, number>> = { hour: 1, day: 24, week: 168, month: 720 }
const SORT = /^[+-](eventTime|source|eventType)$/

export function readQuery (params: URLSearchParams): EventQuery {
  const period = params.get('period') as Period
  const sort = params.get('sort') ?? ''
  return {
    type: params.get('type') ?? '',
    user: params.get('user') ?? '',
    period: PERIODS.includes(period) ? period : 'any',
    from: params.get('from') ?? '',
    to: params.get('to') ?? '',
    sort: SORT.test(sort) ? sort as EventQuery['sort'] : '-eventTime'
  }
}

// Only what differs from the default.
export function writeQuery (query: EventQuery): string {
  const params = new URLSearchParams()
  for (const key of Object.keys(DEFAULT_QUERY) as Array<keyof EventQuery>) {
    if (query[key] !== DEFAULT_QUERY[key]) params.set(key, query[key])
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

const utcOf = (typed: string): Date | undefined => {
  const date = new Date(`${typed}Z`)
  return typed === '' || Number.isNaN(date.getTime()) ? undefined : date
}

// What is wrong with a custom period, or "".
export function periodProblem (query: EventQuery): string {
  if (query.period !== 'custom') return ''
  const from = utcOf(query.from)
  const to = utcOf(query.to)
  if (from && to && from > to) return 'The end is before the beginning.'
  return ''
}

// "start/end" as the API wants it; undefined: no bound.
export function eventTimeOf (query: EventQuery, now: Date): string | undefined {
  const hours = PERIOD_HOURS[query.period]
  if (hours !== undefined) {
    // A little of the future: the service's clock may be ahead of this one.
    const end = new Date(now.getTime() + 3_600_000)
    return `${new Date(now.getTime() - hours * 3_600_000).toISOString()}/${end.toISOString()}`
  }
  if (query.period !== 'custom') return undefined
  const from = utcOf(query.from)
  const to = utcOf(query.to)
  if (!from && !to) return undefined
  return `${(from ?? new Date(0)).toISOString()}/${(to ?? new Date(now.getTime() + 3_600_000)).toISOString()}`
}

export const isDefault = (query: EventQuery): boolean => writeQuery({ ...query, sort: DEFAULT_QUERY.sort }) === ''

// Whether a new event belongs at the top of what is shown.
export function admits (query: EventQuery, event: { eventType: string, userId: string, eventTime: string }): boolean {
  if (query.type !== '' && event.eventType !== query.type) return false
  if (query.user !== '' && event.userId !== query.user) return false
  if (query.period !== 'custom') return true
  const at = new Date(event.eventTime)
  const from = utcOf(query.from)
  const to = utcOf(query.to)
  return (!from || at >= from) && (!to || at <= to)
}
