// What the service tells by itself (server-sent events), and asking for it where that cannot be had:
// a proxy that holds events back, a bound on open streams, a service that is restarting.
import { useEffect, useRef } from 'react'
import { onReturn } from '../api/connection'

const STREAM_AGAIN_MS = 15_000
const TICK_MS = 250

export interface LiveOptions<Item> {
  url: string // "": nothing.
  event: string
  onItem: (item: Item) => void
  poll: () => Promise<void> // Called at once where no stream opens, and then every pollMs.
  pollMs: number
  quietMs?: number | undefined // Asks, too, when an open stream has said nothing for so long: it may be dead unheard.
}

export function useLive<Item> (options: LiveOptions<Item>): void {
  const latest = useRef(options)
  useEffect(() => { latest.current = options })
  const { url, event } = options

  useEffect(() => {
    if (url === '') return
    let source: EventSource | undefined
    let poller: number | undefined
    let retry: number | undefined
    let stopped = false
    let heardAt = performance.now()

    let polledAt = 0
    const stopPolling = (): void => { window.clearTimeout(poller); poller = undefined }
    // Looks often whether it is time, because how often to ask changes with what was answered.
    const tick = async (): Promise<void> => {
      if (performance.now() - polledAt >= latest.current.pollMs) {
        await latest.current.poll().catch(() => {})
        polledAt = performance.now()
      }
      if (!stopped && poller !== undefined) poller = window.setTimeout(tick, TICK_MS)
    }
    const startPolling = (): void => {
      if (poller !== undefined) return
      polledAt = -Infinity
      poller = window.setTimeout(tick, 0)
    }
    const open = (): void => {
      if (stopped) return
      source = new EventSource(url)
      source.addEventListener('open', stopPolling)
      source.addEventListener(event, message => {
        heardAt = performance.now()
        try {
          latest.current.onItem(JSON.parse((message as MessageEvent<string>).data) as Item)
        } catch { /* Not ours; the next poll or event tells. */ }
      })
      source.addEventListener('error', () => {
        startPolling()
        // While it is merely interrupted the browser connects again by itself.
        if (source?.readyState !== EventSource.CLOSED) return
        source.close()
        window.clearTimeout(retry)
        retry = window.setTimeout(open, STREAM_AGAIN_MS)
      })
    }
    open()
    const watcher = window.setInterval(() => {
      const { quietMs } = latest.current
      if (quietMs === undefined || poller !== undefined || performance.now() - heardAt < quietMs) return
      heardAt = performance.now()
      latest.current.poll().catch(() => {})
    }, 4 * TICK_MS)
    const stopWaiting = onReturn(() => {
      source?.close()
      window.clearTimeout(retry)
      open()
    })
    return () => {
      stopped = true
      stopWaiting()
      window.clearInterval(watcher)
      source?.close()
      stopPolling()
      window.clearTimeout(retry)
    }
  }, [url, event])
}
