// Whether the service answers. Once it does not, it is asked every few seconds, and everyone who
// shows something of it is told when it is back.
import { useSyncExternalStore } from 'react'

const ASK_AGAIN_MS = 2000
let reachable = true
let timer: number | undefined
const listeners = new Set<() => void>()
const returns = new Set<() => void>()

function set (now: boolean): void {
  if (now === reachable) return
  reachable = now
  for (const listener of [...listeners]) listener()
  if (now) for (const listener of [...returns]) listener()
}

async function ask (): Promise<void> {
  try {
    const response = await fetch('/healthz', { cache: 'no-store' })
    if (response.ok) return reportReachable(true)
  } catch { /* Still gone. */ }
  timer = window.setTimeout(ask, ASK_AGAIN_MS)
}

export function reportReachable (now: boolean): void {
  window.clearTimeout(timer)
  set(now)
  if (!now) timer = window.setTimeout(ask, ASK_AGAIN_MS)
}

window.addEventListener('offline', () => { reportReachable(false) })
window.addEventListener('online', () => { void ask() })

export function onReturn (listener: () => void): () => void {
  returns.add(listener)
  return () => { returns.delete(listener) }
}

export function useReachable (): boolean {
  return useSyncExternalStore(listener => {
    listeners.add(listener)
    return () => { listeners.delete(listener) }
  }, () => reachable)
}
