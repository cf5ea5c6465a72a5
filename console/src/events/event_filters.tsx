import { useEffect, useState } from 'react'
import { Switch } from 'react-aria-components'
import { ChoiceInput, TextInput } from '../ui/controls'
import { periodProblem, type EventQuery, type Period } from './query'
import { shortType } from './words'

const TYPED_MS = 400
const PERIODS: ReadonlyArray<{ id: Period, label: string }> = [
  { id: 'any', label: 'Last 90 days' },
  { id: 'hour', label: 'Last hour' },
  { id: 'day', label: 'Last 24 hours' },
  { id: 'week', label: 'Last 7 days' },
  { id: 'month', label: 'Last 30 days' },
  { id: 'custom', label: 'From – to' }
]

interface FilterProps {
  query: EventQuery
  types: readonly string[]
  onChange: (query: EventQuery) => void
  live: boolean
  onLive: (live: boolean) => void
}

export function EventFilters ({ query, types, onChange, live, onLive }: FilterProps) {
  const [user, setUser] = useState(query.user)
  useEffect(() => { setUser(query.user) }, [query.user])
  useEffect(() => {
    if (user.trim() === query.user) return
    const timer = window.setTimeout(() => { onChange({ ...query, user: user.trim() }) }, TYPED_MS)
    return () => { window.clearTimeout(timer) }
  }, [user, query, onChange])
  const known = types.includes(query.type) || query.type === '' ? types : [query.type, ...types]
  const newestFirst = query.sort === '-eventTime'
  return (
    <div className="event-filters" role="search" aria-label="Filter events">
      <ChoiceInput label="Event type" name="type" value={query.type || 'any'}
        choices={[{ id: 'any', label: 'Any type' }, ...known.map(type => ({ id: type, label: shortType(type), detail: type }))]}
        onChange={type => { onChange({ ...query, type: type === 'any' ? '' : type }) }} />
      <ChoiceInput label="Time" name="period" value={query.period} choices={PERIODS}
        onChange={period => { onChange({ ...query, period: period as Period }) }} />
      {query.period === 'custom' && <>
        <TextInput label="From (UTC)" name="from" type="datetime-local" value={query.from} onChange={from => { onChange({ ...query, from }) }} />
        <TextInput label="To (UTC)" name="to" type="datetime-local" value={query.to} onChange={to => { onChange({ ...query, to }) }}
          error={periodProblem(query) || undefined} />
      </>}
      <TextInput label="User" name="user" value={user} onChange={setUser} placeholder="api-key:… or system" />
      <Switch className="switch" isSelected={live && newestFirst} isDisabled={!newestFirst} onChange={onLive}>
        <span className="track" aria-hidden="true"><span /></span>
        Live{!newestFirst && <span className="visually-hidden"> (only with the newest first)</span>}
      </Switch>
    </div>
  )
}
