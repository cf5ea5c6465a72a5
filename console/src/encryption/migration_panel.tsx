import { useState } from 'react'
import { ProgressBar } from 'react-aria-components'
import { ArrowRight, Ban, Pause, Play } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import type { KeyProvider, Migration } from '../api/types'
import { isAdmin, useSession } from '../session/session'
import { Button } from '../ui/controls'
import { DialogBox } from '../ui/dialog'
import { Icon } from '../ui/icon'
import { Note, Problem } from '../ui/states'
import { durationText, numberText, parseTime } from '../ui/time'
import { announce } from '../ui/toast'
import { When } from '../ui/when'
import { cancelMigration, pauseMigration, resumeMigration, type Acceptance } from './encryption_api'
import type { EncryptionState } from './migration_state'
import { isPaused, isUnfinished, pauseWords, phaseText, remainingSeconds, tookSeconds } from './progress'
import { QuarantineDialog } from './quarantine_dialog'

function nameOf (fingerprint: string | undefined, arn: string | undefined, providers: KeyProvider[] | undefined): string {
  const known = providers?.find(provider => provider.arnFingerPrint === fingerprint)
  return known?.name ?? (arn || 'a key provider that is deleted')
}

function Way ({ migration, providers }: { migration: Migration, providers: KeyProvider[] | undefined }) {
  return (
    <span className="migration-way">
      <strong>{nameOf(migration.migratingFromFingerprint, migration.migratingFrom, providers)}</strong>
      <Icon of={ArrowRight} /><span className="visually-hidden">to</span>
      <strong>{nameOf(migration.migratingToFingerprint, migration.migratingTo, providers)}</strong>
    </span>
  )
}

export function MigrationPanel ({ encryption }: { encryption: EncryptionState }) {
  const { migration, providers } = encryption
  if (migration.error && !migration.data) return <Problem error={migration.error} what="The state of migrations cannot be shown" retry={() => { void migration.reload() }} />
  const now = migration.data
  if (!now) return null
  return isUnfinished(now)
    ? <Running migration={now} encryption={encryption} />
    : <Last migration={now} providers={providers.data} />
}

const ENDS = {
  Completed: { look: 'good', label: 'Completed' },
  Failed: { look: 'bad', label: 'Failed' },
  Cancelled: { look: 'idle', label: 'Cancelled' }
} as const

function Last ({ migration, providers }: { migration: Migration, providers: KeyProvider[] | undefined }) {
  const end = ENDS[migration.state as keyof typeof ENDS] ?? ENDS.Completed
  const at = parseTime(migration.completedAt)
  const took = tookSeconds(migration)
  return (
    <section className="card" aria-label="Last migration">
      <div className="last-migration">
        <span className="faint">Last migration</span>
        <Way migration={migration} providers={providers} />
        <span className={`badge ${end.look}`}>{end.label}</span>
        {at && <span className="soft"><When date={at} />{took !== undefined && `, in ${durationText(took)}`}</span>}
        <span className="soft numbers">{numberText(migration.done ?? 0)} data keys moved{migration.quarantined ? `, ${numberText(migration.quarantined)} set aside` : ''}</span>
        {migration.state !== 'Completed' && migration.detail && <span className="break">{migration.detail}</span>}
      </div>
    </section>
  )
}

function Running ({ migration, encryption }: { migration: Migration, encryption: EncryptionState }) {
  const { session } = useSession()
  const paused = isPaused(migration)
  const started = parseTime(migration.initiatedAt)
  const rate = paused ? undefined : encryption.rate
  const remaining = remainingSeconds(migration, rate)
  return (
    <section className="card migration" aria-label="Migration">
      <div className="row-between">
        <div className="row">
          <h2>Migration</h2>
          <span className={`badge ${paused ? 'warn' : 'busy'}`}>{paused ? 'Paused' : migration.state === 'New' ? 'Starting' : 'In progress'}</span>
          <Way migration={migration} providers={encryption.providers.data} />
        </div>
        {isAdmin(session) && <Controls migration={migration} onChanged={encryption.migration.set} />}
      </div>
      <ProgressBar value={migration.progress} aria-label="Progress of the migration" className="migration-progress">
        {({ percentage }) => <>
          <div className="row-between dense"><span className="soft">{phaseText(migration)}{started && <> · started <When date={started} /></>}</span><strong className="numbers">{Math.round(percentage ?? 0)} %</strong></div>
          <div className={`meter${paused ? ' paused' : ''}`}><span style={{ width: `${percentage ?? 0}%` }} /></div>
        </>}
      </ProgressBar>
      <dl className="figures">
        <div><dt>Data keys moved</dt><dd>{numberText(migration.done ?? 0)} <small>of {numberText(migration.total ?? 0)}</small></dd></div>
        <div><dt>Rate</dt><dd>{rate === undefined ? '—' : <>{numberText(Math.round(rate))} <small>a second</small></>}</dd></div>
        <div><dt>Remaining</dt><dd>{remaining === undefined ? '—' : durationText(remaining)}</dd></div>
        <div><dt>Set aside</dt><dd>{numberText(migration.quarantined ?? 0)}</dd></div>
      </dl>
      {paused && <Paused migration={migration} onChanged={encryption.migration.set} />}
    </section>
  )
}

interface ActProps { migration: Migration, onChanged: (migration: Migration) => void }

function useAct (onChanged: (migration: Migration) => void) {
  const [pending, setPending] = useState('')
  const [error, setError] = useState<ApiError>()
  const act = (name: string, said: string, call: () => Promise<Migration>): Promise<boolean> => {
    setPending(name)
    setError(undefined)
    return call().then(now => {
      onChanged(now)
      announce(said)
      setPending('')
      return true
    }, (problem: unknown) => {
      setError(asApiError(problem))
      setPending('')
      return false
    })
  }
  return { pending, error, act }
}

function Controls ({ migration, onChanged }: ActProps) {
  const { pending, error, act } = useAct(onChanged)
  const [cancelling, setCancelling] = useState(false)
  const paused = isPaused(migration)
  return <>
    <div className="row">
      {paused
        ? <Button isPending={pending === 'resume'} onPress={() => { void act('resume', 'The migration goes on.', () => resumeMigration()) }}><Icon of={Play} />Resume</Button>
        : <Button isPending={pending === 'pause'} onPress={() => { void act('pause', 'The migration is paused.', pauseMigration) }}><Icon of={Pause} />Pause</Button>}
      <Button onPress={() => { setCancelling(true) }}><Icon of={Ban} />Cancel migration</Button>
    </div>
    {error && !cancelling && <Problem error={error} />}
    <DialogBox title="Cancel the migration?" role="alertdialog" isOpen={cancelling} onClose={() => { setCancelling(false) }} foot={<>
      <Button onPress={() => { setCancelling(false) }} autoFocus>Keep it going</Button>
      <Button look="danger" isPending={pending === 'cancel'}
        onPress={() => { void act('cancel', 'The migration is cancelled.', cancelMigration).then(done => { if (done) setCancelling(false) }) }}>Cancel migration</Button>
    </>}>
      <p>The current key stays active. Data keys that have been moved open as before; nothing is lost.</p>
      {error && <Problem error={error} />}
    </DialogBox>
  </>
}

// Why it waits, and what a person can decide about it.
function Paused ({ migration, onChanged }: ActProps) {
  const { session } = useSession()
  const { pending, error, act } = useAct(onChanged)
  const [looking, setLooking] = useState(false)
  const { title, text } = pauseWords(migration.pausedBecause)
  const accept = (acceptance: Acceptance) => () => { void act('accept', 'The migration goes on.', () => resumeMigration(acceptance)) }
  const admin = isAdmin(session)
  return <>
    <Note look={migration.pausedBecause === 'operator' ? 'info' : 'warn'} title={title}>
      <p>{text}</p>
      {migration.detail && <p className="soft">{migration.detail}</p>}
      {admin && migration.pausedBecause === 'source-refuses' && (
        <div className="actions"><Button isPending={pending === 'accept'} onPress={accept({ acceptSourceRefusal: true })}>Finish with the target key alone</Button></div>
      )}
      {admin && migration.pausedBecause === 'quarantine' && (
        <div className="actions">
          <Button onPress={() => { setLooking(true) }}>Look at them</Button>
          <Button isPending={pending === 'accept'} onPress={accept({ acceptQuarantine: true })}>Accept and resume</Button>
        </div>
      )}
    </Note>
    {error && <Problem error={error} />}
    {looking && <QuarantineDialog onClose={() => { setLooking(false) }} />}
  </>
}
