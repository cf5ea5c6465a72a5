// What has been done, said once: for the eye for some seconds, for a screen reader politely.
import { useSyncExternalStore } from 'react'

const SHOWN_MS = 6000
const TOASTS_MAX = 3
interface Toast { id: number, text: string, visible: boolean }
let toasts: readonly Toast[] = []
let lastId = 0
const listeners = new Set<() => void>()

function set (next: readonly Toast[]): void {
  toasts = next
  for (const listener of [...listeners]) listener()
}

export function announce (text: string, visible = true): void {
  const id = ++lastId
  set([...toasts, { id, text, visible }].slice(-TOASTS_MAX))
  window.setTimeout(() => { set(toasts.filter(toast => toast.id !== id)) }, SHOWN_MS)
}

export function Toasts () {
  const shown = useSyncExternalStore(listener => {
    listeners.add(listener)
    return () => { listeners.delete(listener) }
  }, () => toasts)
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(toast => (
        <div key={toast.id} className={toast.visible ? 'toast' : 'visually-hidden'}>{toast.text}</div>
      ))}
    </div>
  )
}
