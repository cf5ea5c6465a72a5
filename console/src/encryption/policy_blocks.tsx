import type { ReactNode } from 'react'
import { ExternalLink } from 'lucide-react'
import { useSession } from '../session/session'
import { CodeBlock } from '../ui/copy'
import { Icon } from '../ui/icon'
import { Note } from '../ui/states'
import { partitionOf, parseArn } from './arn'
import { putPolicyCommands, statementsText, usesPlaceholderAccount, wholePolicy } from './key_policy'

interface BlocksProps {
  statements: readonly object[]
  arn: string
  region: string
  title: string // Of the statements; begins the others' names, too.
  children?: ReactNode // Above the commands.
}

export function More ({ summary, open, children }: { summary: string, open?: boolean, children: ReactNode }) {
  return <details className="more" open={open ?? false}><summary>{summary}</summary>{children}</details>
}

// What belongs into a key's policy: the statements to add, the whole to replace it by, and commands.
export function PolicyBlocks ({ statements, arn, region, title, children }: BlocksProps) {
  const { options } = useSession()
  const key = parseArn(arn.trim())
  const account = key?.account ?? '111122223333'
  const emulator = options.emulated ? options.emulatorUrl : null
  return (
    <div className="stack-tight">
      <CodeBlock title={title} text={statementsText(statements)} />
      {usesPlaceholderAccount(arn, region) && (
        <p className="small faint">Until a key ARN is entered, the account below is shown as 111122223333; put in your own.</p>
      )}
      {emulator && (
        <Note title="Here AWS is emulated">
          On <a href={emulator} target="_blank" rel="noopener noreferrer">the emulator’s page <Icon of={ExternalLink} /></a> open the
          key, paste these statements in the place of its policy, and save: they are added to it, in both regions.
        </Note>
      )}
      <More summary="The whole policy, to replace the one that is there">
        <CodeBlock title={`${title}, whole`} text={wholePolicy(statements, account, key?.partition ?? partitionOf(region))} />
      </More>
      {children}
      <More summary="AWS CLI: put the policy on the key and its replica">
        <CodeBlock title={`${title}, by AWS CLI`} text={putPolicyCommands(statements, arn, region)} />
      </More>
    </div>
  )
}
