// How fast a migration goes and how long it will take, from what its progress was when.
import type { Migration } from '../api/types'
import { parseTime } from '../ui/time'

export interface Sample { at: number, done: number } // Milliseconds; data keys.

const WINDOW_MS = 20_000
const SAMPLES_MAX = 64

export function addSample (samples: readonly Sample[], sample: Sample): Sample[] {
  const last = samples.at(-1)
  if (last !== undefined && sample.done < last.done) return [sample] // Another migration.
  const recent = samples.filter(each => sample.at - each.at <= WINDOW_MS)
  return [...recent, sample].slice(-SAMPLES_MAX)
}

// Data keys a second over the window; undefined until two samples are far enough apart to tell.
export function rateOf (samples: readonly Sample[]): number | undefined {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.at - first.at < 900) return undefined
  return (last.done - first.done) / ((last.at - first.at) / 1000)
}

export function remainingSeconds (migration: Migration, rate: number | undefined): number | undefined {
  const left = (migration.total ?? 0) - (migration.done ?? 0) - (migration.quarantined ?? 0)
  if (rate === undefined || rate <= 0 || left <= 0) return undefined
  return left / rate
}

export const isUnfinished = (migration: Migration | undefined | null): migration is Migration =>
  migration?.state === 'New' || migration?.state === 'InProgress'

export const isPaused = (migration: Migration): boolean => migration.substate === 'Paused'

export function tookSeconds (migration: Migration): number | undefined {
  const from = parseTime(migration.initiatedAt)
  const to = parseTime(migration.completedAt)
  return from && to ? (to.getTime() - from.getTime()) / 1000 : undefined
}

export interface PauseWords { title: string, text: string }

// Why it waits, and what makes it go on (docs/customer-keys.md).
export function pauseWords (reason: Migration['pausedBecause']): PauseWords {
  switch (reason) {
    case 'operator':
      return { title: 'Paused by hand',
        text: 'Somebody paused this migration. The tenant keeps working; resume it whenever you like.' }
    case 'target-refuses':
      return { title: 'The target key refuses',
        text: 'The key that the tenant is being moved to is revoked, disabled or deleted. The tenant ' +
          'notices nothing. The migration goes on by itself once the key answers again, or when you resume it.' }
    case 'source-refuses':
      return { title: 'The current key refuses',
        text: 'The current key is revoked by its owner, so nothing of this tenant opens. Once the key is ' +
          'reinstated, resume. If its owner agrees, the migration can be finished with the target key alone.' }
    case 'quarantine':
      return { title: 'Too many data keys do not authenticate',
        text: 'More data keys than 0.1 %, or than 100, failed authentication and were set aside. Look at ' +
          'them, retry them after a repair, or accept that they stay behind and resume.' }
    case 'tenant-deactivated':
      return { title: 'The tenant is deactivated',
        text: 'The migration goes on by itself once an operator reactivates the tenant.' }
    default:
      return { title: 'Paused', text: 'The migration waits.' }
  }
}

// What it is doing now.
export function phaseText (migration: Migration): string {
  if (isPaused(migration)) return pauseWords(migration.pausedBecause).title
  if (migration.state === 'New') return 'Wrapping every tenant key version under both keys'
  if ((migration.total ?? 0) === 0) return 'Waiting until every process uses the new version'
  if ((migration.done ?? 0) + (migration.quarantined ?? 0) >= (migration.total ?? 0)) return 'Recounting and switching over'
  return 'Rewrapping data keys'
}
