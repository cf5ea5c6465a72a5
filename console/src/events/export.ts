// Events as files, exactly those that the filters admit.
import type { Audit } from '../api/types'

const COLUMNS = ['eventTime', 'source', 'eventType', 'userId', 'tenantId', 'id', 'eventId', 'data'] as const

// A spreadsheet takes what begins with one of these for a formula; an apostrophe makes it a text.
const FORMULA = /^[=+\-@\t\r]/

export function csvCell (value: string): string {
  const safe = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

// RFC 4180.
export function toCsv (events: readonly Audit[]): string {
  const rows = events.map(event => COLUMNS.map(column => {
    const value = event[column]
    return csvCell(value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value))
  }).join(','))
  return [COLUMNS.join(','), ...rows].join('\r\n') + '\r\n'
}

export const toJson = (events: readonly Audit[]): string => JSON.stringify(events, null, 2) + '\n'

export function download (name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  window.setTimeout(() => { URL.revokeObjectURL(url) }, 10_000)
}
