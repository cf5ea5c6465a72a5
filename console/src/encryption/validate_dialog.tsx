import { useCallback, useEffect, useState } from 'react'
import { RefreshCw } from 'lucide-react'
import { asApiError, type ApiError } from '../api/errors'
import type { KeyProvider, ValidationReport } from '../api/types'
import { isAdmin, useSession } from '../session/session'
import { Button } from '../ui/controls'
import { DialogBox } from '../ui/dialog'
import { Icon } from '../ui/icon'
import { LoadingWords, Problem, Skeleton } from '../ui/states'
import { loadValidation, validateProvider } from './encryption_api'
import { regionOf } from './provider_status'
import { Report } from './report'

interface ValidateProps { provider: KeyProvider, run: boolean, onClose: () => void }

// Validates at once when `run`, else shows the report of the last time.
export function ValidateDialog ({ provider, run, onClose }: ValidateProps) {
  const { session } = useSession()
  const [report, setReport] = useState<ValidationReport>()
  const [error, setError] = useState<ApiError>()
  const [busy, setBusy] = useState(true)
  const fingerprint = provider.arnFingerPrint

  const ask = useCallback(async (validate: boolean) => {
    setBusy(true)
    setError(undefined)
    try {
      setReport(await (validate ? validateProvider(fingerprint) : loadValidation(fingerprint)))
    } catch (problem) {
      const refused = asApiError(problem)
      if (refused.report) setReport(refused.report)
      else setError(refused)
    }
    setBusy(false)
  }, [fingerprint])
  useEffect(() => { void ask(run) }, [ask, run])

  return (
    <DialogBox title={`Validation of ${provider.name}`} isOpen wide onClose={onClose} foot={<>
      {isAdmin(session) && (
        <Button isPending={busy} onPress={() => { void ask(true) }}><Icon of={RefreshCw} />Validate again</Button>
      )}
      <Button look="primary" onPress={onClose}>Close</Button>
    </>}>
      {busy && !report && <div className="stack-tight" aria-busy="true"><LoadingWords what="the report" /><Skeleton width={60} lines={8} /></div>}
      {error && <Problem error={error} retry={() => { void ask(run) }} />}
      {report && <Report report={report} region={session.tenant?.region ?? regionOf(provider)} arn={provider.arn} />}
    </DialogBox>
  )
}
