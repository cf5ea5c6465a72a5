// Where one is: the path and query of the address bar, as state. Pages are few, so patterns with
// one kind of parameter (":name", a segment) are all there is.
import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()

function subscribe (listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('popstate', listener)
  }
}

const currentHref = (): string => location.pathname + location.search

export interface Place { path: string, query: URLSearchParams }

export function usePlace (): Place {
  const href = useSyncExternalStore(subscribe, currentHref)
  const [path = '/', query] = href.split('?')
  return { path, query: new URLSearchParams(query) }
}

export function navigate (href: string, how: { replace?: boolean } = {}): void {
  if (href === currentHref()) return
  if (how.replace) history.replaceState(null, '', href)
  else history.pushState(null, '', href)
  for (const listener of [...listeners]) listener()
  if (!how.replace) window.scrollTo(0, 0)
}

// Whether a navigation has happened since the page was loaded: focus moves to the heading then.
let navigated = false
listeners.add(() => { navigated = true })
export const hasNavigated = (): boolean => navigated

export type Parameters = Record<string, string>

export function match (pattern: string, path: string): Parameters | undefined {
  const wanted = pattern.split('/')
  const given = path.replace(/(.)\/$/, '$1').split('/')
  if (wanted.length !== given.length) return undefined
  const found: Parameters = {}
  for (const [i, part] of wanted.entries()) {
    const segment = given[i] ?? ''
    if (!part.startsWith(':')) {
      if (part !== segment) return undefined
      continue
    }
    try {
      found[part.slice(1)] = decodeURIComponent(segment)
    } catch {
      return undefined
    }
  }
  return found
}

// A path within this console, or the start page: what ?returnto= may name.
export function safeReturn (target: string | null): string {
  const good = target !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(target) &&
    !target.startsWith('/signin')
  return good ? target : '/'
}
