import type { ApiError } from '../api/errors'
import type { Audit } from '../api/types'
import { Note } from '../ui/states'

// The API verifies what it reads and refuses what is altered; it has no route for whole chains.
export function ChainStatus ({ events, error }: { events: readonly Audit[] | undefined, error: ApiError | undefined }) {
  if (error?.code === 'integrity') {
    return (
      <Note look="bad" alert title="The event chain does not verify">
        The service refuses to show events that are not what was written. Tell the operator, with the request id above.
      </Note>
    )
  }
  if (!events || events.length === 0) return null
  return (
    <Note look="good" title="Event chain: what is shown verifies">
      Each event above was checked against its own hash and its successor’s when it was read. Whole chains, and that nothing was
      cut off, are checked against signed heads with <code>tenantseal events verify</code>.
    </Note>
  )
}
