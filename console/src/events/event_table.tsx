import { Fragment, useState } from 'react'
import { Button as AriaButton } from 'react-aria-components'
import { ArrowDown, ArrowUp, ChevronRight } from 'lucide-react'
import type { Audit } from '../api/types'
import { CodeBlock } from '../ui/copy'
import { Icon } from '../ui/icon'
import { parseTime } from '../ui/time'
import { When } from '../ui/when'
import type { EventQuery, SortField } from './query'

interface TableProps {
  events: readonly Audit[]
  fresh: ReadonlySet<string>
  names: ReadonlyMap<string, string>
  sort: EventQuery['sort']
  onSort: (sort: EventQuery['sort']) => void
}

export function EventTable ({ events, fresh, names, sort, onSort }: TableProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const toggle = (id: string): void => {
    const next = new Set(open)
    if (!next.delete(id)) next.add(id)
    setOpen(next)
  }
  return (
    <table className="table narrows events">
      <thead>
        <tr>
          <th scope="col" className="expander"><span className="visually-hidden">Details</span></th>
          <SortHead field="eventTime" label="Date (UTC)" sort={sort} onSort={onSort} />
          <SortHead field="source" label="Source" sort={sort} onSort={onSort} />
          <SortHead field="eventType" label="Event type" sort={sort} onSort={onSort} />
          <th scope="col">User</th>
        </tr>
      </thead>
      <tbody>
        {events.map(event => (
          <Row key={event.id} event={event} isFresh={fresh.has(event.id)} name={names.get(event.userId)}
            isOpen={open.has(event.id)} onToggle={() => { toggle(event.id) }} />
        ))}
      </tbody>
    </table>
  )
}

function SortHead ({ field, label, sort, onSort }: { field: SortField, label: string } & Pick<TableProps, 'sort' | 'onSort'>) {
  const here = sort.slice(1) === field
  const descending = sort.startsWith('-')
  return (
    <th scope="col" aria-sort={here ? descending ? 'descending' : 'ascending' : 'none'}>
      <AriaButton className="sort" onPress={() => { onSort(`${here && descending ? '+' : '-'}${field}`) }}>
        {label}{here && <Icon of={descending ? ArrowDown : ArrowUp} />}
      </AriaButton>
    </th>
  )
}

interface RowProps { event: Audit, isFresh: boolean, isOpen: boolean, name: string | undefined, onToggle: () => void }

function Row ({ event, isFresh, isOpen, name, onToggle }: RowProps) {
  const at = parseTime(event.eventTime)
  const details = `event-${event.id}`
  return (
    <Fragment>
      <tr className={isFresh ? 'fresh' : undefined}>
        <td className="expander">
          <AriaButton className="copy-button" aria-expanded={isOpen} {...(isOpen ? { 'aria-controls': details } : {})}
            aria-label={`Raw details of ${event.eventType}`} onPress={onToggle}>
            <Icon of={ChevronRight} />
          </AriaButton>
        </td>
        <td data-label="Date">{at ? <When date={at} /> : event.eventTime}</td>
        <td data-label="Source" className="break">{event.source}</td>
        <td data-label="Type" className="event-type">{event.eventType}</td>
        <td data-label="User" className="fits" title={event.userId}>{name ?? event.userId}</td>
      </tr>
      {isOpen && (
        <tr id={details} className="event-details"><td colSpan={5}><CodeBlock title="Raw event" text={JSON.stringify(event, null, 2)} /></td></tr>
      )}
    </Fragment>
  )
}
