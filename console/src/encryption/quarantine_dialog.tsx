import { useState } from 'react'
import { asApiError, type ApiError } from '../api/errors'
import { useResource } from '../data/resource'
import { Button } from '../ui/controls'
import { DialogBox } from '../ui/dialog'
import { Note, Problem, Skeleton } from '../ui/states'
import { parseTime } from '../ui/time'
import { announce } from '../ui/toast'
import { When } from '../ui/when'
import { listQuarantine, retryQuarantine } from './encryption_api'

// The first hundred data keys that were set aside; "retry" tries all of them.
export function QuarantineDialog ({ onClose }: { onClose: () => void }) {
  const list = useResource('quarantine', listQuarantine)
  const [error, setError] = useState<ApiError>()
  const [pending, setPending] = useState(false)
  const retry = (): void => {
    setPending(true)
    setError(undefined)
    retryQuarantine().then(({ released }) => {
      announce(`${released} data keys authenticate again.`)
      setPending(false)
      void list.reload()
    }, (problem: unknown) => { setError(asApiError(problem)); setPending(false) })
  }
  return (
    <DialogBox title="Data keys in quarantine" isOpen wide onClose={onClose} foot={<>
      <Button isPending={pending} onPress={retry}>Retry all</Button>
      <Button look="primary" onPress={onClose}>Close</Button>
    </>}>
      {list.error && <Problem error={list.error} retry={() => { void list.reload() }} />}
      {!list.data && !list.error && <Skeleton width={60} lines={4} />}
      {list.data?.data.length === 0 && <Note look="good">None is set aside.</Note>}
      {list.data && list.data.data.length > 0 && (
        <div className="table-wrap" role="region" aria-label="Data keys that are set aside" tabIndex={0}>
          <table className="table">
            <thead><tr><th scope="col">Data key</th><th scope="col">Version</th><th scope="col">Since</th><th scope="col">Reason</th></tr></thead>
            <tbody>
              {list.data.data.map(row => {
                const since = parseTime(row.since)
                return <tr key={row.id}><td className="mono break">{row.id}</td><td>{row.tenantKeyVersion}</td><td>{since && <When date={since} />}</td><td>{row.reason}</td></tr>
              })}
            </tbody>
          </table>
        </div>
      )}
      {list.data?.links.next && <p className="small faint">There are more; the first hundred are shown.</p>}
      {error && <Problem error={error} />}
    </DialogBox>
  )
}
