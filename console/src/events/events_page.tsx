import { useState } from 'react'
import { Download, FileJson, FileSpreadsheet, RefreshCw, RotateCcw, ScrollText } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import { useResource } from '../data/resource'
import { navigate, usePlace } from '../router'
import { isOperator, useSession } from '../session/session'
import { Button } from '../ui/controls'
import { Icon } from '../ui/icon'
import { ActionMenu } from '../ui/menu'
import { Page } from '../ui/page'
import { Empty, LoadingWords, Problem, Skeleton } from '../ui/states'
import { announce } from '../ui/toast'
import { numberText } from '../ui/time'
import { ChainStatus } from './chain_status'
import { useEvents } from './event_state'
import { EventTable } from './event_table'
import { EventFilters } from './event_filters'
import { loadForExport, loadNames, loadTypes } from './events_api'
import { download, toCsv, toJson } from './export'
import { DEFAULT_QUERY, isDefault, periodProblem, readQuery, writeQuery, type EventQuery } from './query'

const setQuery = (query: EventQuery): void => { navigate(`/events${writeQuery(query)}`, { replace: true }) }

export function EventsPage () {
  const { session } = useSession()
  const { query: params } = usePlace()
  const query = readQuery(params)
  const [live, setLive] = useState(true)
  const list = useEvents(periodProblem(query) === '' ? query : DEFAULT_QUERY, live)
  const types = useResource('event-types', loadTypes)
  const names = useResource('event-names', async () => session.role === 'Auditor' ? new Map<string, string>() : loadNames())
  return (
    <Page title="Events"
      lead={isOperator(session)
        ? 'Every change to the deployment. The events of a tenant are its own administrators’ to read.'
        : 'Every change to this tenant’s encryption, stored with the change itself.'}
      actions={<>
        <Button onPress={() => { void list.reload() }} isPending={list.loading && list.events !== undefined}><Icon of={RefreshCw} />Refresh</Button>
        <Button onPress={() => { setQuery(DEFAULT_QUERY) }} isDisabled={writeQuery(query) === ''}><Icon of={RotateCcw} />Reset</Button>
        <ExportMenu query={query} />
      </>}>
      <section className="card" aria-label="Events">
        <EventFilters query={query} types={types.data ?? []} onChange={setQuery} live={live} onLive={setLive} />
        <Listed list={list} query={query} names={names.data ?? new Map()} />
      </section>
      <ChainStatus error={list.error} />
    </Page>
  )
}

interface ListedProps { list: ReturnType<typeof useEvents>, query: EventQuery, names: ReadonlyMap<string, string> }

function Listed ({ list, query, names }: ListedProps) {
  const { events, error, loading } = list
  if (error && !events) return <div className="card-body"><Problem error={error} retry={() => { void list.reload() }} /></div>
  if (!events) {
    return <div className="card-body stack-tight events-waiting" aria-busy="true"><LoadingWords what="events" /><Skeleton width={100} lines={12} /></div>
  }
  if (events.length === 0) {
    return isDefault(query)
      ? <Empty icon={ScrollText} title="No events yet"><p>Changes show up here as they happen.</p></Empty>
      : <Empty icon={ScrollText} title="No event matches">
          <p>Nothing in the last 90 days fits these filters.</p>
          <Button onPress={() => { setQuery({ ...DEFAULT_QUERY, sort: query.sort }) }}>Clear the filters</Button>
        </Empty>
  }
  return <>
    <EventTable events={events} fresh={list.fresh} names={names} sort={query.sort} onSort={sort => { setQuery({ ...query, sort }) }} />
    {error && <div className="card-body"><Problem error={error} retry={() => { void list.reload() }} /></div>}
    <div className="events-foot">
      <span className="small faint numbers">{numberText(events.length)} {events.length === 1 ? 'event' : 'events'} shown{list.next === undefined ? '' : ', there are more'}</span>
      {list.next !== undefined && <Button isPending={loading} onPress={() => { void list.more() }}>Show more</Button>}
    </div>
  </>
}

function ExportMenu ({ query }: { query: EventQuery }) {
  const [error, setError] = useState<ApiError>()
  const [pending, setPending] = useState(false)
  const save = (kind: 'json' | 'csv') => (): void => {
    setPending(true)
    setError(undefined)
    loadForExport(query).then(({ events, complete }) => {
      const name = `tenantseal-events-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${kind}`
      if (kind === 'json') download(name, 'application/json', toJson(events))
      else download(name, 'text/csv', toCsv(events))
      announce(complete
        ? `${numberText(events.length)} events exported.`
        : `The newest ${numberText(events.length)} events are exported; narrow the filters for the rest.`)
      setPending(false)
    }, (problem: unknown) => { setError(asApiError(problem)); setPending(false) })
  }
  return <>
    <ActionMenu label="Export" trigger={<Button isPending={pending}><Icon of={Download} />Export</Button>} actions={[
      { id: 'json', label: 'JSON', icon: FileJson, detail: 'As the API gives them', onAction: save('json') },
      { id: 'csv', label: 'CSV', icon: FileSpreadsheet, detail: 'For a spreadsheet', onAction: save('csv') }
    ]} />
    {error && <Problem error={error} what="The export failed" />}
  </>
}
