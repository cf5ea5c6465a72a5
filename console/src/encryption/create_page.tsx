import { useState } from 'react'
import { asApiError, type ApiError } from '../api/errors'
import type { ValidationReport } from '../api/types'
import { navigate } from '../router'
import { useSession } from '../session/session'
import { Button, ChoiceInput, TextInput } from '../ui/controls'
import { Page } from '../ui/page'
import { Note, Problem } from '../ui/states'
import { announce } from '../ui/toast'
import { adviseArn, type ArnAdvice } from './arn'
import { forgetDraft, keepDraft, loadDraft, type Draft } from './draft'
import { createProvider, validateArn } from './encryption_api'
import { PrepareKey } from './prepare_key'
import { Report } from './report'

type Doing = '' | 'check' | 'add' | 'migrate'
interface Outcome { report?: ValidationReport | undefined, error?: ApiError | undefined, checked?: boolean }

const KINDS = [{ id: 'AWS-KMS', label: 'AWS KMS' }]
const NO_TITLE = 'A title is needed.'
const NO_ARN = 'Enter the ARN of a key or of an alias.'

function useCreation (tenantId: string) {
  const [draft, setDraft] = useState<Draft>(() => loadDraft(tenantId))
  const [doing, setDoing] = useState<Doing>('')
  const [outcome, setOutcome] = useState<Outcome>({})
  const [asked, setAsked] = useState(false) // Once asked for, what is missing is marked.
  const change = (part: Partial<Draft>): void => {
    const next = { ...draft, ...part }
    setDraft(next)
    keepDraft(tenantId, next)
  }
  const refused = (problem: unknown): void => {
    const error = asApiError(problem)
    setOutcome({ error, report: error.report })
    setDoing('')
  }
  const check = (): void => {
    setDoing('check')
    setOutcome({})
    validateArn(draft.arn.trim()).then(report => { setOutcome({ report, checked: true }); setDoing('') }, refused)
  }
  const add = (how: 'add' | 'migrate'): void => {
    setAsked(true)
    if (draft.arn.trim() === '' || draft.name.trim() === '' || doing !== '') return
    setDoing(how)
    setOutcome({})
    const wanted = { arn: draft.arn.trim(), name: draft.name.trim(), description: draft.description.trim() }
    createProvider(wanted).then(provider => {
      forgetDraft(tenantId)
      announce(`${provider.name} is added.`)
      navigate('/settings/encryption' + (how === 'migrate' ? `?migrate=${encodeURIComponent(provider.arnFingerPrint)}` : ''))
    }, refused)
  }
  return { draft, change, doing, outcome, asked, check, add }
}

export function CreatePage () {
  const { session } = useSession()
  const region = session.tenant?.region ?? ''
  const creation = useCreation(session.tenant?.id ?? '')
  return (
    <Page title="Create new" lead="Bring a key of your own. It is validated before it is added; nothing moves until you migrate."
      crumbs={[{ label: 'Settings', href: '/settings' }, { label: 'Manage key provider', href: '/settings/encryption' }]}>
      <div className="two-columns">
        <ProviderForm creation={creation} region={region} />
        <PrepareKey arn={creation.draft.arn} region={region} />
      </div>
    </Page>
  )
}

// What is wrong with the ARN: what the service said of it, else what can be seen while it is typed.
function arnError (advice: ArnAdvice, { draft, outcome, asked }: ReturnType<typeof useCreation>): string | undefined {
  if (draft.arn.trim() === '') return asked ? NO_ARN : undefined
  if (outcome.error?.field === 'arn') return outcome.error.message
  return advice.problem
}

function ProviderForm ({ creation, region }: { creation: ReturnType<typeof useCreation>, region: string }) {
  const { draft, change, doing, outcome, asked, check, add } = creation
  const advice = adviseArn(draft.arn, region)
  const field = outcome.error?.field
  const nameError = asked && draft.name.trim() === '' ? NO_TITLE : field === 'name' ? outcome.error?.message : undefined
  return (
    <form className="card" noValidate aria-label="New key provider" onSubmit={event => { event.preventDefault(); add('add') }}>
      <div className="card-body stack">
        <ChoiceInput label="Master key provider" name="keyprovider" choices={KINDS} value="AWS-KMS" onChange={() => {}} />
        <TextInput label="KMS key ARN" name="arn" mono multiline value={draft.arn} onChange={arn => { change({ arn: arn.replace(/[\r\n]/g, '') }) }}
          placeholder={`arn:aws:kms:${region || 'us-east-1'}:111122223333:key/mrk-…`}
          error={arnError(advice, creation)}
          hint={advice.warning ?? advice.note ?? 'The key ARN or the alias ARN of a symmetric key.'}
          hintLook={advice.warning ? 'warn' : advice.note ? 'good' : undefined} />
        <TextInput label="Title" name="name" value={draft.name} onChange={name => { change({ name }) }} error={nameError}
          hint="How this key is called here." />
        <TextInput label="Description" name="description" optional multiline value={draft.description}
          onChange={description => { change({ description }) }}
          error={field === 'description' ? outcome.error?.message : undefined} />
        <Answer outcome={outcome} region={region} arn={draft.arn} />
        <div className="form-actions">
          <Button look="primary" type="submit" isPending={doing === 'add'} isDisabled={doing !== '' && doing !== 'add'}>Add key provider</Button>
          <Button isPending={doing === 'migrate'} isDisabled={doing !== '' && doing !== 'migrate'} onPress={() => { add('migrate') }}>Add and migrate</Button>
          <Button look="quiet" isPending={doing === 'check'} isDisabled={(doing !== '' && doing !== 'check') || draft.arn.trim() === ''} onPress={check}>Check the key only</Button>
        </div>
        <p className="small faint">
          <em>Add key provider</em> saves it for later. <em>Add and migrate</em> shows the plan next, and begins once you confirm it.
        </p>
      </div>
    </form>
  )
}

// What the service found, where one typed.
function Answer ({ outcome, region, arn }: { outcome: Outcome, region: string, arn: string }) {
  const { report, error, checked } = outcome
  if (!report && !error) return null
  const besideField = error !== undefined && ['arn', 'name', 'description'].includes(error.field)
  const good = checked && report?.outcome !== 'fail'
  return (
    <section className="stack" aria-label="What the service found">
      {report && (good
        ? <Note look="good" title="This key can be added" />
        : <Note look="bad" alert title={checked ? 'This key cannot be added yet' : 'The key was not added'}>
            What you typed stays here. {error?.requestId ? <span className="small">Request <code>{error.requestId}</code></span> : null}
          </Note>)}
      {report && <Report report={report} region={region} arn={arn} />}
      {error && !report && !besideField && <Problem error={error} />}
    </section>
  )
}
