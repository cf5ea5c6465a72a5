import type { ApiError } from '../api/errors'
import { useResource } from '../data/resource'
import { Button } from '../ui/controls'
import { CopyLine } from '../ui/copy'
import { Note, Problem } from '../ui/states'
import { numberText, parseTime } from '../ui/time'
import { When } from '../ui/when'
import { checkChain } from './events_api'

// Whether the chain is what was written, from its first event to its end. `error` is that of the
// list above: the service shows no event that does not verify.
export function ChainStatus ({ error }: { error: ApiError | undefined }) {
  const check = useResource('event-chain', checkChain)
  const again = <Button isPending={check.loading} onPress={() => { void check.reload() }}>Check again</Button>
  const broken = error?.code === 'integrity' || check.data?.state === 'broken'
  const at = parseTime(check.data?.checkedAt)
  if (broken) {
    return (
      <Note look="bad" alert title="The event chain does not verify">
        <p>
          {check.data?.state === 'broken'
            ? `Event ${numberText(check.data.verifiedThrough + 1)} or what follows it is not what was written. `
            : 'There are events that are not what was written. '}
          Tell the operator, who can look with <code>tenantseal events verify</code>.
        </p>
        <div className="actions">{again}</div>
      </Note>
    )
  }
  if (check.error) return <Problem error={check.error} what="The event chain could not be checked" retry={() => { void check.reload() }} />
  if (!check.data) return <Note title="Event chain: being checked">Every event is held against its hash and the one before it.</Note>
  return (
    <Note look="good" title="Event chain: verified">
      <p>
        All {numberText(check.data.verifiedThrough)} events, from the first to the last, are what was written{at && <>, checked <When date={at} /></>}.
        That the chain as a whole was not replaced is checked against signed heads, with <code>tenantseal events verify</code>.
      </p>
      {check.data.hash && <p className="small">Hash of the last event <CopyLine text={check.data.hash} what="hash" /></p>}
      <div className="actions">{again}</div>
    </Note>
  )
}
