import { expect, test } from 'vitest'
import { addSample, isUnfinished, pauseWords, phaseText, rateOf, remainingSeconds, tookSeconds, type Sample } from './progress'
import type { Migration } from '../api/types'

const base: Migration = { id: '1', tenantId: 't', state: 'InProgress', progress: 10, total: 1000, done: 100 }

test('the rate is that of the last twenty seconds', () => {
  let samples: Sample[] = []
  expect(rateOf(samples)).toBeUndefined()
  samples = addSample(samples, { at: 0, done: 0 })
  expect(rateOf(samples)).toBeUndefined()
  samples = addSample(samples, { at: 500, done: 100 })
  expect(rateOf(samples)).toBeUndefined()
  samples = addSample(samples, { at: 10_000, done: 1000 })
  expect(rateOf(samples)).toBe(100)
  samples = addSample(samples, { at: 30_000, done: 1000 })
  expect(rateOf(samples)).toBe(0)
})

test('another migration starts anew, and samples are bounded', () => {
  expect(addSample([{ at: 0, done: 500 }], { at: 1000, done: 3 })).toEqual([{ at: 1000, done: 3 }])
  let samples: Sample[] = []
  for (let i = 0; i < 1000; i++) samples = addSample(samples, { at: i, done: i })
  expect(samples).toHaveLength(64)
})

test('the remaining time needs a rate and something that remains', () => {
  expect(remainingSeconds(base, 100)).toBe(9)
  expect(remainingSeconds({ ...base, quarantined: 100 }, 100)).toBe(8)
  expect(remainingSeconds(base, 0)).toBeUndefined()
  expect(remainingSeconds(base, undefined)).toBeUndefined()
  expect(remainingSeconds({ ...base, done: 1000 }, 100)).toBeUndefined()
})

test('every reason to wait has words of its own', () => {
  const reasons = ['operator', 'target-refuses', 'source-refuses', 'quarantine', 'tenant-deactivated'] as const
  const titles = new Set(reasons.map(reason => pauseWords(reason).title))
  expect(titles.size).toBe(reasons.length)
  expect(phaseText({ ...base, substate: 'Paused', pausedBecause: 'quarantine' })).toBe(pauseWords('quarantine').title)
})

test('states, phases and times', () => {
  expect(isUnfinished(null)).toBe(false)
  expect(isUnfinished({ ...base, state: 'Cancelled' })).toBe(false)
  expect(isUnfinished(base)).toBe(true)
  expect(phaseText({ ...base, state: 'New' })).toContain('both keys')
  expect(phaseText({ ...base, done: 1000 })).toContain('switching')
  expect(tookSeconds({ ...base, initiatedAt: '2026-01-01T00:00:00Z', completedAt: '0001-01-01T00:00:00Z' })).toBeUndefined()
  expect(tookSeconds({ ...base, initiatedAt: '2026-01-01T00:00:00Z', completedAt: '2026-01-01T00:01:00Z' })).toBe(60)
})
