// What a customer pastes into AWS: the policy that admits this tenant, and the commands that make a
// multi-region key with it.
import { BACKUP_REGIONS, parseArn, partitionOf } from './arn'

const ACCOUNT_PLACEHOLDER = '111122223333'
const KEY_PLACEHOLDER = 'mrk-REPLACE_WITH_YOUR_KEY_ID'

export const statementsText = (statements: readonly object[]): string =>
  JSON.stringify(statements, null, 2)

// A whole policy: the account's own access, so that it can still administer the key, and ours.
export function wholePolicy (statements: readonly object[], account: string, partition: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{
      Sid: 'Enable IAM policies of the account',
      Effect: 'Allow',
      Principal: { AWS: `arn:${partition}:iam::${account}:root` },
      Action: 'kms:*',
      Resource: '*'
    }, ...statements]
  }, null, 2)
}

// The statements that a report's mendedPolicy holds; empty when it holds none.
export function parseStatements (text: string): object[] {
  try {
    const parsed: unknown = JSON.parse(text)
    const list = Array.isArray(parsed) ? parsed : (parsed as { Statement?: unknown } | null)?.Statement
    return Array.isArray(list) ? list.filter(each => typeof each === 'object' && each !== null) as object[] : []
  } catch {
    return []
  }
}

function heredoc (policy: string): string {
  return `cat > key-policy.json <<'POLICY'\n${policy}\nPOLICY`
}

interface Subject { account: string, partition: string, keyId: string, known: boolean }

function subjectOf (arnText: string, region: string): Subject {
  const arn = parseArn(arnText.trim())
  return {
    account: arn?.account ?? ACCOUNT_PLACEHOLDER,
    partition: arn?.partition ?? partitionOf(region),
    keyId: arn === undefined ? KEY_PLACEHOLDER : arn.id,
    known: arn !== undefined
  }
}

// Writes the whole policy to the key and to its replica.
export function putPolicyCommands (statements: readonly object[], arnText: string, region: string,
  replicaRegion: string | undefined = BACKUP_REGIONS[region]): string {
  const { account, partition, keyId } = subjectOf(arnText, region)
  const isAlias = keyId.startsWith('alias/')
  const put = (where: string): string =>
    `aws kms put-key-policy --region ${where} --key-id ${isAlias ? '"$KEY_ID"' : keyId} \\\n` +
    '  --policy-name default --policy file://key-policy.json'
  // put-key-policy takes no alias.
  const resolve = `KEY_ID=$(aws kms describe-key --region ${region} --key-id ${keyId} \\\n` +
    '  --query KeyMetadata.KeyId --output text)'
  const places = replicaRegion ? [region, replicaRegion] : [region]
  return [heredoc(wholePolicy(statements, account, partition)), ...(isAlias ? [resolve] : []),
    ...places.map(put)].join('\n\n')
}

// Makes a key and its replica with that policy from the start; a copy of it is all that is needed.
export function createKeyCommands (statements: readonly object[], arnText: string, region: string): string {
  const { account, partition } = subjectOf(arnText, region)
  const backup = BACKUP_REGIONS[region]
  const lines = [
    heredoc(wholePolicy(statements, account, partition)),
    `KEY_ID=$(aws kms create-key --region ${region} ${backup ? '--multi-region ' : ''}\\\n` +
    '  --description "Tenantseal" --policy file://key-policy.json \\\n' +
    '  --query KeyMetadata.KeyId --output text)'
  ]
  if (backup) {
    lines.push(`aws kms replicate-key --region ${region} --key-id "$KEY_ID" \\\n` +
      `  --replica-region ${backup} --policy file://key-policy.json`)
  }
  lines.push(`aws kms describe-key --region ${region} --key-id "$KEY_ID" \\\n` +
    '  --query KeyMetadata.Arn --output text')
  return lines.join('\n\n')
}

export const usesPlaceholderAccount = (arnText: string, region: string): boolean =>
  !subjectOf(arnText, region).known
