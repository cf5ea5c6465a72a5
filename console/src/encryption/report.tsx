import { CircleAlert, CircleCheck, TriangleAlert } from 'lucide-react'
import type { ValidationCheck, ValidationReport } from '../api/types'
import { Icon } from '../ui/icon'
import { parseTime } from '../ui/time'
import { When } from '../ui/when'
import { parseStatements } from './key_policy'
import { PolicyBlocks } from './policy_blocks'

const NAMES: Readonly<Record<string, string>> = {
  arn: 'ARN',
  region: 'Region',
  authorised: 'Key policy admits this tenant',
  describe: 'Key can be described',
  enabled: 'Key is enabled',
  symmetric: 'Key is symmetric',
  usage: 'Key usage is encrypt and decrypt',
  origin: 'Key material is of AWS KMS',
  'multi-region': 'Multi-region key',
  'round-trip': 'Encrypts and decrypts',
  'replica-authorised': 'Replica’s policy admits this tenant',
  'replica-round-trip': 'Replica encrypts and decrypts',
  'replica-agrees': 'Replica agrees with the primary',
  isolation: 'Other tenants are kept out',
  shared: 'Used by this tenant alone',
  alias: 'Alias'
}
const OUTCOMES = {
  pass: { icon: CircleCheck, word: 'Passed' },
  warn: { icon: TriangleAlert, word: 'Warning' },
  fail: { icon: CircleAlert, word: 'Failed' }
} as const

function CheckRow ({ check }: { check: ValidationCheck }) {
  const { icon, word } = OUTCOMES[check.outcome]
  return (
    <li className={`check ${check.outcome}`}>
      <Icon of={icon} />
      <span><span className="visually-hidden">{word}: </span><span className="name">{NAMES[check.name] ?? check.name}</span></span>
      <span className="region">{check.region}</span>
      {check.outcome !== 'pass' && <span className="said">{check.detail}</span>}
      {check.fix !== '' && <span className="fix"><strong>To fix:</strong> {check.fix}</span>}
    </li>
  )
}

export function summaryOf (report: ValidationReport): string {
  const failed = report.checks.filter(check => check.outcome === 'fail').length
  const warned = report.checks.filter(check => check.outcome === 'warn').length
  if (failed > 0) return `${failed} of ${report.checks.length} checks failed`
  if (warned > 0) return `All checks passed, ${warned} with a warning`
  return `All ${report.checks.length} checks passed`
}

interface ReportProps { report: ValidationReport, region: string, arn: string }

// A validation, check by check, with what the policy should say where that is what is missing.
export function Report ({ report, region, arn }: ReportProps) {
  const at = parseTime(report.at)
  const statements = parseStatements(report.mendedPolicy ?? '')
  return (
    <div className="stack-tight">
      <p className="dense soft"><strong>{summaryOf(report)}</strong>{at && <> · <When date={at} /></>}</p>
      <ul className="checks" aria-label="Checks">
        {report.checks.map((check, i) => <CheckRow key={`${check.name} ${check.region} ${i}`} check={check} />)}
      </ul>
      {statements.length > 0 && <MendedPolicy statements={statements} region={region} arn={report.keyArn || arn} />}
    </div>
  )
}

function MendedPolicy ({ statements, region, arn }: { statements: object[], region: string, arn: string }) {
  return (
    <section className="stack-tight" aria-label="Mended policy">
      <h3>Mended policy</h3>
      <p className="dense soft">
        Add these statements to the policy of the key and to that of its replica, then try again.
      </p>
      <PolicyBlocks title="Mended key policy" statements={statements} region={region} arn={arn} />
    </section>
  )
}
