// The tenant's migration as it goes on, by events where they come and by asking where not, and the
// key providers, which are read again whenever a migration begins or ends.
import { useEffect, useRef, useState } from 'react'
import { useLive } from '../data/live'
import { useResource, type Resource } from '../data/resource'
import type { KeyProvider, Migration } from '../api/types'
import { listProviders, loadMigration, MIGRATION_STREAM } from './encryption_api'
import { addSample, isPaused, isUnfinished, rateOf, type Sample } from './progress'

const POLL_RUNNING_MS = 1000
const POLL_IDLE_MS = 10_000
const QUIET_MS = 5000 // A migration that runs tells of itself every second.

export interface EncryptionState {
  providers: Resource<KeyProvider[]>
  migration: Resource<Migration | null>
  rate: number | undefined // Data keys a second.
}

export function useEncryption (): EncryptionState {
  const providers = useResource('providers', listProviders)
  const migration = useResource('migration', loadMigration)
  const [samples, setSamples] = useState<Sample[]>([])
  const now = migration.data
  const running = isUnfinished(now) && !isPaused(now)

  useLive<Migration>({
    url: MIGRATION_STREAM,
    event: 'migration',
    onItem: item => { migration.set(item) },
    poll: migration.reload,
    pollMs: running ? POLL_RUNNING_MS : POLL_IDLE_MS,
    quietMs: running ? QUIET_MS : undefined
  })

  const done = now?.done
  useEffect(() => {
    if (!running || done === undefined) return setSamples([])
    setSamples(old => addSample(old, { at: performance.now(), done }))
  }, [running, done, now])

  const { reload } = providers
  const phase = now ? `${now.id} ${now.state}` : ''
  const lastPhase = useRef(phase)
  useEffect(() => {
    if (lastPhase.current !== phase && lastPhase.current !== '') void reload()
    lastPhase.current = phase
  }, [phase, reload])

  return { providers, migration, rate: rateOf(samples) }
}
