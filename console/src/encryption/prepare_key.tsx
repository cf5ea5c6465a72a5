import { useResource } from '../data/resource'
import { CodeBlock } from '../ui/copy'
import { LoadingWords, Problem, Skeleton } from '../ui/states'
import { BACKUP_REGIONS } from './arn'
import { loadKeyPolicy } from './encryption_api'
import { createKeyCommands } from './key_policy'
import { More, PolicyBlocks } from './policy_blocks'

// What belongs into AWS, with this tenant's id and the typed key filled in.
export function PrepareKey ({ arn, region }: { arn: string, region: string }) {
  const policy = useResource('key-policy', loadKeyPolicy)
  const backup = BACKUP_REGIONS[region]
  return (
    <section className="card" aria-labelledby="prepare">
      <div className="card-head"><h2 id="prepare">Prepare the key in AWS</h2></div>
      <div className="card-body stack">
        <p className="soft">
          The key is symmetric, for encrypting and decrypting, in <strong>{region}</strong>
          {backup ? <>, and multi-region with a replica in <strong>{backup}</strong></> : null}. Both need a policy that
          admits this service for this tenant, and no other tenant.
        </p>
        {policy.error && <Problem error={policy.error} what="The key policy cannot be shown" retry={() => { void policy.reload() }} />}
        {!policy.data && !policy.error && <div className="stack-tight" aria-busy="true"><LoadingWords what="the key policy" /><Skeleton width={60} lines={10} /></div>}
        {policy.data && <>
          <h3>Key policy</h3>
          <p className="dense soft">Add these statements to the policy of the key and to that of its replica.</p>
          <PolicyBlocks title="Key policy" statements={policy.data} arn={arn} region={region}>
            <More summary={backup ? 'AWS CLI: make a multi-region key with its replica' : 'AWS CLI: make a key'}>
              <CodeBlock title="New key, by AWS CLI" text={createKeyCommands(policy.data, arn, region)} />
            </More>
          </PolicyBlocks>
        </>}
      </div>
    </section>
  )
}
