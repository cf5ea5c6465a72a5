import { expect, test } from 'vitest'
import { durationText, NEVER, parseTime, relativeText, utcText } from './time'

test('dates are shown in UTC', () => {
  expect(utcText(new Date('2026-01-02T03:04:05.678Z'))).toBe('2026-01-02 03:04:05')
  expect(utcText(new Date('2026-01-02T00:04:05+01:00'))).toBe('2026-01-01 23:04:05')
})

test('what never happened and what is no time is no time', () => {
  for (const text of [undefined, NEVER, 'Qlik managed', '']) expect(parseTime(text)).toBeUndefined()
  expect(parseTime('2023-07-18T12:08:04.634711507Z')?.getTime()).toBe(Date.UTC(2023, 6, 18, 12, 8, 4, 634))
})

test('durations have at most two units', () => {
  expect(durationText(0)).toBe('less than a second')
  expect(durationText(1)).toBe('1 second')
  expect(durationText(59.6)).toBe('1 minute')
  expect(durationText(61)).toBe('1 minute 1 second')
  expect(durationText(7200)).toBe('2 hours')
  expect(durationText(90_061)).toBe('1 day 1 hour')
  expect(durationText(-5)).toBe('less than a second')
})

test('relative times say before or after', () => {
  const now = new Date('2026-01-02T00:00:00Z')
  expect(relativeText(new Date('2026-01-01T23:59:58Z'), now)).toBe('just now')
  expect(relativeText(new Date('2026-01-01T23:00:00Z'), now)).toBe('1 hour ago')
  expect(relativeText(new Date('2026-01-09T00:00:00Z'), now)).toBe('in 7 days')
})
