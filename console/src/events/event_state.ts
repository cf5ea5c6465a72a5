// The list of events: pages that were loaded, and what has come in since.
import { useCallback, useEffect, useState } from 'react'
import { asApiError, type ApiError } from '../api/errors'
import type { Audit } from '../api/types'
import { onReturn } from '../api/connection'
import { useLive } from '../data/live'
import { AUDIT_STREAM, loadEvents } from './events_api'
import { admits, writeQuery, type EventQuery } from './query'

const POLL_MS = 10_000
const SHOWN_MAX = 2000

export interface EventList {
  events: Audit[] | undefined
  next: string | undefined
  error: ApiError | undefined
  loading: boolean
  fresh: ReadonlySet<string> // Came in while one was looking.
  reload: () => Promise<void>
  more: () => Promise<void>
}

interface State { of: string, events: Audit[] | undefined, next: string | undefined, error: ApiError | undefined, loading: boolean }

function merged (added: readonly Audit[], events: readonly Audit[]): Audit[] {
  const known = new Set(events.map(event => event.id))
  return [...added.filter(event => !known.has(event.id)), ...events].slice(0, SHOWN_MAX)
}

export function useEvents (query: EventQuery, live: boolean): EventList {
  const of = writeQuery(query)
  const [state, setState] = useState<State>({ of, events: undefined, next: undefined, error: undefined, loading: true })
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set())
  const newestFirst = query.sort === '-eventTime'

  const reload = useCallback(async () => {
    setState(old => ({ ...old, of, loading: true, error: undefined, events: old.of === of ? old.events : undefined }))
    try {
      const page = await loadEvents(query)
      setState(old => old.of === of ? { of, ...page, error: undefined, loading: false } : old)
    } catch (problem) {
      setState(old => old.of === of ? { ...old, error: asApiError(problem), loading: false } : old)
    }
  }, [of]) // eslint-disable-line react-hooks/exhaustive-deps -- `of` is the query, written out.

  useEffect(() => {
    setFresh(new Set())
    void reload()
    return onReturn(() => { void reload() })
  }, [reload])

  const add = (added: readonly Audit[]): void => {
    const wanted = added.filter(event => admits(query, event))
    if (wanted.length === 0) return
    setState(old => {
      if (old.of !== of || old.events === undefined) return old
      const before = new Set(old.events.map(event => event.id))
      const news = wanted.filter(event => !before.has(event.id)).map(event => event.id)
      if (news.length > 0) setFresh(now => new Set([...now, ...news]))
      return { ...old, events: merged(wanted, old.events) }
    })
  }
  useLive<Audit>({
    url: live && newestFirst ? AUDIT_STREAM : '',
    event: 'audit',
    onItem: event => { add([event]) },
    poll: async () => { add((await loadEvents(query)).events) },
    pollMs: POLL_MS
  })

  const more = async (): Promise<void> => {
    if (state.next === undefined || state.loading) return
    setState(old => ({ ...old, loading: true }))
    try {
      const page = await loadEvents(query, state.next)
      setState(old => old.of === of
        ? { ...old, events: merged(old.events ?? [], []).concat(page.events.filter(event => !old.events?.some(each => each.id === event.id))), next: page.next, loading: false }
        : old)
    } catch (problem) {
      setState(old => old.of === of ? { ...old, error: asApiError(problem), loading: false } : old)
    }
  }
  return { events: state.events, next: state.next, error: state.error, loading: state.loading, fresh, reload, more }
}
