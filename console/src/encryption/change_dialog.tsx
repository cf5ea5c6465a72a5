import { useCallback, useEffect, useState } from 'react'
import { ArrowRight } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import type { KeyProvider, Migration, MigrationPlan } from '../api/types'
import { useSession } from '../session/session'
import { Button, CheckInput } from '../ui/controls'
import { DialogBox } from '../ui/dialog'
import { Icon } from '../ui/icon'
import { LoadingWords, Note, Problem, Skeleton } from '../ui/states'
import { durationText, numberText } from '../ui/time'
import { announce } from '../ui/toast'
import { planMigration, startMigration } from './encryption_api'
import { Report, summaryOf } from './report'

interface ChangeProps {
  provider: KeyProvider
  from: KeyProvider | undefined
  onClose: () => void
  onStarted: (migration: Migration) => void
}

export function ChangeDialog ({ provider, from, onClose, onStarted }: ChangeProps) {
  const [plan, setPlan] = useState<MigrationPlan>()
  const [error, setError] = useState<ApiError>()
  const [confirmed, setConfirmed] = useState(false)
  const [pending, setPending] = useState(false)
  const fingerprint = provider.arnFingerPrint

  const ask = useCallback(async () => {
    setError(undefined)
    try {
      setPlan(await planMigration(fingerprint))
    } catch (problem) {
      setError(asApiError(problem))
    }
  }, [fingerprint])
  useEffect(() => { void ask() }, [ask])

  const change = (): void => {
    setPending(true)
    setError(undefined)
    startMigration(fingerprint).then(migration => {
      announce('The migration has begun.')
      onStarted(migration)
    }, (problem: unknown) => { setError(asApiError(problem)); setPending(false) })
  }
  const blocked = plan?.validation?.outcome === 'fail'
  return (
    <DialogBox title="Change key provider" isOpen wide onClose={onClose} foot={<>
      <Button onPress={onClose}>Cancel</Button>
      <Button look="primary" isDisabled={!confirmed || !plan || blocked} isPending={pending} onPress={change}>Change key provider</Button>
    </>}>
      <p className="migration-way">
        <strong>{from?.name ?? 'The current key'}</strong> <Icon of={ArrowRight} /><span className="visually-hidden">to</span> <strong>{provider.name}</strong>
      </p>
      <p className="soft">The tenant keeps working while its keys are moved; its users notice nothing. Until the end the current key decides.</p>
      {!plan && !error && <div className="stack-tight" aria-busy="true"><LoadingWords what="the plan; the target is validated" /><Skeleton width={60} lines={4} /></div>}
      {plan && <Plan plan={plan} provider={provider} />}
      {error && <Refusal error={error} provider={provider} retry={() => { void ask() }} />}
      {plan && !blocked && (
        <CheckInput name="confirm" isSelected={confirmed} onChange={setConfirmed}>
          I confirm that the current key is replaced by {provider.name}.
        </CheckInput>
      )}
    </DialogBox>
  )
}

function Refusal ({ error, provider, retry }: { error: ApiError, provider: KeyProvider, retry: () => void }) {
  const { session } = useSession()
  return <>
    <Problem error={error} retry={retry} what="The migration cannot begin; nothing was changed" />
    {error.report && <Report report={error.report} region={session.tenant?.region ?? ''} arn={provider.arn} />}
  </>
}

const costText = (usd: number | undefined): string =>
  usd === undefined ? 'unknown' : usd === 0 ? 'nothing' : usd < 0.01 ? 'less than $0.01' : `$${usd.toFixed(2)}`

function Plan ({ plan, provider }: { plan: MigrationPlan, provider: KeyProvider }) {
  const { session } = useSession()
  const { validation } = plan
  return (
    <section className="stack" aria-label="Plan">
      <dl className="figures">
        <div><dt>Data keys</dt><dd>{numberText(plan.dataKeys ?? 0)}</dd></div>
        <div><dt>Tenant key versions</dt><dd>{numberText(plan.tenantKeyVersions ?? 0)}</dd></div>
        <div><dt>KMS calls, at most</dt><dd>{numberText(plan.kmsCalls ?? 0)}</dd></div>
        <div><dt>Expected time</dt><dd>{durationText(plan.seconds ?? 0)}</dd></div>
        <div><dt>Cost in AWS</dt><dd>{costText(plan.usd)}</dd></div>
      </dl>
      {validation && (validation.outcome === 'fail'
        ? <><Note look="bad" alert title="The key does not pass validation" /><Report report={validation} region={session.tenant?.region ?? ''} arn={provider.arn} /></>
        : <details>
            <summary className="dense">Validation: {summaryOf(validation)}</summary>
            <Report report={validation} region={session.tenant?.region ?? ''} arn={provider.arn} />
          </details>)}
    </section>
  )
}
