import { useEffect, useState } from 'react'
import { localText, relativeText, utcText } from './time'

const TICK_MS = 30_000

// A time in UTC; hovering shows the local one.
export function When ({ date, seconds = true }: { date: Date, seconds?: boolean }) {
  const text = utcText(date)
  return (
    <time className="numbers nowrap" dateTime={date.toISOString()} title={`Local time: ${localText(date)}`}>
      {seconds ? text : text.slice(0, 16)} UTC
    </time>
  )
}

// The same with how long ago that was.
export function WhenAgo ({ date }: { date: Date }) {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = window.setInterval(() => { setNow(new Date()) }, TICK_MS)
    return () => { window.clearInterval(timer) }
  }, [])
  // What has happened since the last tick did not happen in the future.
  const since = date > now ? new Date() : now
  return <span><When date={date} seconds={false} /> <span className="faint">({relativeText(date, since)})</span></span>
}
