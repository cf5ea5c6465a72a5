// The ARN of an AWS KMS key, checked as it is typed. The service checks everything again; this
// only spares the way there.
export interface KmsArn {
  partition: string
  region: string
  account: string
  kind: 'key' | 'alias'
  id: string // The key's id, or the alias with "alias/".
  multiRegion: boolean
}

// "Supported regions" of the source documentation, with the region that backs each up; a test
// compares it with the service's own table.
export const BACKUP_REGIONS: Readonly<Record<string, string>> = {
  'us-east-1': 'us-east-2',
  'eu-west-1': 'eu-west-3',
  'eu-west-2': 'eu-south-2',
  'eu-central-1': 'eu-south-1',
  'eu-north-1': '',
  'ap-southeast-1': 'ap-northeast-2',
  'ap-southeast-2': 'ap-southeast-4',
  'ap-northeast-1': 'ap-northeast-3',
  'ap-south-1': 'ap-south-2',
  'us-gov-west-1': '',
  'us-gov-east-1': ''
}

const ARN_MAX = 2048
const KEY_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const MULTI_REGION_ID = /^mrk-[0-9a-f]{32}$/
const ALIAS = /^alias\/[A-Za-z0-9/_-]{1,250}$/
const REGION = /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/
const FORM = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'

export function partitionOf (region: string): string {
  if (region.startsWith('us-gov-')) return 'aws-us-gov'
  if (region.startsWith('cn-')) return 'aws-cn'
  return 'aws'
}

export function parseArn (text: string): KmsArn | undefined {
  const [arn, partition, service, region, account, ...rest] = text.split(':')
  const resource = rest.join(':')
  const id = resource.startsWith('key/') ? resource.slice(4) : resource
  const isKey = resource.startsWith('key/') && (KEY_ID.test(id) || MULTI_REGION_ID.test(id))
  if (text.length > ARN_MAX || arn !== 'arn' || service !== 'kms') return undefined
  if (partition === undefined || !/^aws(-[a-z]+)*$/.test(partition)) return undefined
  if (region === undefined || !REGION.test(region)) return undefined
  if (account === undefined || !/^\d{12}$/.test(account)) return undefined
  if (!isKey && !ALIAS.test(resource)) return undefined
  return { partition, region, account, kind: isKey ? 'key' : 'alias', id,
    multiRegion: id.startsWith('mrk-') }
}

export interface ArnAdvice {
  problem?: string // Nothing can come of it.
  warning?: string // The service will probably refuse.
  note?: string // What is understood so far.
}

function wrongForm (text: string): string {
  if (KEY_ID.test(text) || MULTI_REGION_ID.test(text)) {
    return `This is a key id; the ARN has region and account before it: ${FORM}`
  }
  if (text.startsWith('alias/')) {
    return 'This is an alias name; the ARN has region and account before it: ' +
      'arn:aws:kms:us-east-1:111122223333:alias/NAME'
  }
  const parts = text.split(':')
  if (parts[0] !== 'arn') return `A key's ARN begins with arn: and looks like ${FORM}`
  if (parts[2] !== undefined && parts[2] !== 'kms') return `This is an ARN of ${parts[2] || 'no service'}, not of kms.`
  if (parts.length > 4 && !/^\d{12}$/.test(parts[4] ?? '')) return 'The account in the ARN has twelve digits.'
  return `The ARN is not complete; it looks like ${FORM} or ends with alias/NAME.`
}

// What to say beside the field; nothing while it is empty.
export function adviseArn (typed: string, tenantRegion: string): ArnAdvice {
  const text = typed.trim()
  if (text === '') return {}
  const arn = parseArn(text)
  if (arn === undefined) return { problem: wrongForm(text) }
  if (arn.kind === 'alias' && arn.id.startsWith('alias/aws/')) {
    return { problem: 'This alias is of a key that AWS manages; its policy cannot be changed. Use a key of your own.' }
  }
  if (arn.region !== tenantRegion) {
    const pair = BACKUP_REGIONS[tenantRegion]
    return { problem: arn.multiRegion && pair === arn.region
      ? `This is the replica in ${arn.region}. Enter the related key in the tenant's region, ${tenantRegion}.`
      : `The key is in ${arn.region}; the tenant is in ${tenantRegion}.` }
  }
  const backup = BACKUP_REGIONS[tenantRegion]
  if (arn.kind === 'alias') {
    return { note: 'An alias is resolved once; the key behind it is what is registered.' }
  }
  if (backup === undefined || backup === '') return { note: `Key in ${arn.region}, the tenant's region.` }
  if (!arn.multiRegion) {
    return { warning: `This is a single-region key. A multi-region key (mrk-…) with a replica in ${backup} is needed.` }
  }
  return { note: `Multi-region key in ${arn.region}; its replica belongs in ${backup}.` }
}

// Enough to recognise it by, without account and key in clear: arn:aws:kms:us-east-1:••••3333:key/mrk-…90ab
export function maskArn (text: string): string {
  const arn = parseArn(text)
  if (arn === undefined) return text
  const head = `arn:${arn.partition}:kms:${arn.region}:••••${arn.account.slice(-4)}:`
  if (arn.kind === 'alias') return head + arn.id
  return `${head}key/${arn.multiRegion ? 'mrk-' : ''}…${arn.id.slice(-4)}`
}
