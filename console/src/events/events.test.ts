import { expect, test } from 'vitest'
import { csvCell, toCsv } from './export'
import { admits, DEFAULT_QUERY, eventTimeOf, isDefault, periodProblem, readQuery, writeQuery } from './query'
import type { Audit } from '../api/types'

const event = {
  id: '6b053758c1d2e30000000007', contentType: 'application/json', eventId: 'e', eventTime: '2026-01-02T03:04:05.000Z',
  eventType: 't', eventTypeVersion: '1.0.0', source: 's', userId: '=cmd()', extensions: {}, data: { a: 'x,"y"' }, links: {}
} as unknown as Audit

test('a query survives its own address, and nonsense becomes the default', () => {
  const query = { ...DEFAULT_QUERY, type: 'a b', period: 'custom' as const, from: '2026-01-01T00:00', sort: '+source' as const }
  expect(readQuery(new URLSearchParams(writeQuery(query)))).toEqual(query)
  expect(writeQuery(DEFAULT_QUERY)).toBe('')
  expect(readQuery(new URLSearchParams('?sort=;drop&period=century'))).toEqual(DEFAULT_QUERY)
})

test('times are asked for in UTC', () => {
  const now = new Date('2026-01-10T00:00:00Z')
  expect(eventTimeOf(DEFAULT_QUERY, now)).toBeUndefined()
  expect(eventTimeOf({ ...DEFAULT_QUERY, period: 'day' }, now)).toBe('2026-01-09T00:00:00.000Z/2026-01-10T01:00:00.000Z')
  expect(eventTimeOf({ ...DEFAULT_QUERY, period: 'custom', from: '2026-01-01T10:00', to: '2026-01-02T10:00' }, now))
    .toBe('2026-01-01T10:00:00.000Z/2026-01-02T10:00:00.000Z')
  expect(eventTimeOf({ ...DEFAULT_QUERY, period: 'custom' }, now)).toBeUndefined()
  expect(periodProblem({ ...DEFAULT_QUERY, period: 'custom', from: '2026-01-02T10:00', to: '2026-01-01T10:00' })).not.toBe('')
})

test('a live event is shown where the filters admit it', () => {
  expect(admits(DEFAULT_QUERY, event)).toBe(true)
  expect(admits({ ...DEFAULT_QUERY, type: 'other' }, event)).toBe(false)
  expect(admits({ ...DEFAULT_QUERY, user: 'other' }, event)).toBe(false)
  expect(admits({ ...DEFAULT_QUERY, period: 'custom', to: '2026-01-01T00:00' }, event)).toBe(false)
})

test('sorting is no filter', () => {
  expect(isDefault({ ...DEFAULT_QUERY, sort: '+source' })).toBe(true)
  expect(isDefault({ ...DEFAULT_QUERY, user: 'a' })).toBe(false)
})

test('a cell is quoted as RFC 4180 says, and no formula', () => {
  expect(csvCell('a,b')).toBe('"a,b"')
  expect(csvCell('a"b')).toBe('"a""b"')
  expect(csvCell('=1+1')).toBe("'=1+1")
  expect(toCsv([event]).split('\r\n')[1]).toBe(
    '2026-01-02T03:04:05.000Z,s,t,\'=cmd(),,6b053758c1d2e30000000007,e,"{""a"":""x,\\""y\\""""}"')
})
