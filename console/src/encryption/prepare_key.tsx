import { useResource } from '../data/resource'
import { CodeBlock } from '../ui/copy'
import { LoadingWords, Note, Problem, Skeleton } from '../ui/states'
import { BACKUP_REGIONS } from './arn'
import { loadKeyPolicy } from './encryption_api'
import { createKeyCommands, putPolicyCommands, statementsText, usesPlaceholderAccount } from './key_policy'

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
          <p className="dense soft">Add these statements to the policy of the key and of its replica.</p>
          <CodeBlock title="Key policy" text={statementsText(policy.data)} />
          <h3>With the AWS CLI</h3>
          {usesPlaceholderAccount(arn, region) && (
            <Note>Until a key ARN is entered, the account is shown as 111122223333; put in your own.</Note>
          )}
          <CodeBlock title={backup ? 'AWS CLI: make a multi-region key with its replica' : 'AWS CLI: make a key'} text={createKeyCommands(policy.data, arn, region)} />
          <CodeBlock title="AWS CLI: put the policy on a key that is there" text={putPolicyCommands(policy.data, arn, region)} />
        </>}
      </div>
    </section>
  )
}
