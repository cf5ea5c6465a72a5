// Whether the service answers. Once it does not, it is asked every few seconds, and everyone who
// shows something of it is told when it is back.
import { useSyncExternalStore } from 'react'

const ASK_AGAIN_MS = 2000
const LOOK_MS = 10_000 // How often it is looked whether somebody still answers: a stream may die unheard.
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

// Needs no session, and so keeps none alive.
async function answers (): Promise<boolean> {
  try {
    return (await fetch('/healthz', { cache: 'no-store' })).ok
  } catch {
    return false
  }
}

async function ask (): Promise<void> { reportReachable(await answers()) }

export function reportReachable (now: boolean): void {
  window.clearTimeout(timer)
  set(now)
  if (!now) timer = window.setTimeout(ask, ASK_AGAIN_MS)
}

window.setInterval(() => {
  if (reachable && document.visibilityState === 'visible') void ask()
}, LOOK_MS)
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
