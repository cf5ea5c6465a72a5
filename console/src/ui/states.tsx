// How a page looks when there is nothing, not yet anything, or something is wrong.
import type { ReactNode } from 'react'
import { CircleAlert, CircleCheck, Info, RefreshCw, TriangleAlert, type LucideIcon } from 'lucide-react'
import type { ApiError } from '../api/errors'
import { Button } from './controls'
import { CopyLine } from './copy'
import { Icon } from './icon'

type Look = 'info' | 'good' | 'warn' | 'bad'
const ICONS: Record<Look, LucideIcon> = { info: Info, good: CircleCheck, warn: TriangleAlert, bad: CircleAlert }

interface NoteProps { look?: Look, title?: string, children?: ReactNode, alert?: boolean }

export function Note ({ look = 'info', title, children, alert }: NoteProps) {
  return (
    <div className={`note ${look}`} {...(alert ? { role: 'alert' } : {})}>
      <Icon of={ICONS[look]} />
      <div>{title && <strong>{title}</strong>}{title && children ? <br /> : null}{children}</div>
    </div>
  )
}

interface ProblemProps { error: ApiError, retry?: (() => void) | undefined, what?: string }

// A refusal or failure, with the request id by which the service's log knows it.
export function Problem ({ error, retry, what }: ProblemProps) {
  return (
    <Note look="bad" alert title={what ?? error.title}>
      <p>{[what ? error.title : '', error.detail].filter(text => text !== '' && text !== what).join(' ')}</p>
      {error.retryAfterSeconds > 0 && <p>It can be tried again in {error.retryAfterSeconds} seconds.</p>}
      {error.requestId !== '' && (
        <p className="small">Request <CopyLine text={error.requestId} what="request id" /></p>
      )}
      {retry && <div className="actions"><Button onPress={retry}><Icon of={RefreshCw} />Try again</Button></div>}
    </Note>
  )
}

export function Empty ({ icon, title, children }: { icon: LucideIcon, title: string, children?: ReactNode }) {
  return <div className="empty"><Icon of={icon} /><h2>{title}</h2>{children}</div>
}

// Stands where a text will stand, as high as it. `width` in characters.
export function Skeleton ({ width, lines = 1 }: { width: number, lines?: number }) {
  return <>
    {Array.from({ length: lines }, (_, i) => (
      <span key={i} className="skeleton" aria-hidden="true"
        style={{ width: `min(100%, ${width - (i % 3) * 2}ch)` }}>&nbsp;</span>
    ))}
  </>
}

export function LoadingWords ({ what }: { what: string }) {
  return <span className="visually-hidden" role="status">Loading {what}</span>
}
