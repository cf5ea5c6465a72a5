// Times and sizes in words. Dates are UTC everywhere; the local time is what hovering shows.
export const NEVER = '0001-01-01T00:00:00Z'

export function parseTime (text: string | undefined): Date | undefined {
  if (text === undefined || text === NEVER) return undefined
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date
}

const two = (n: number): string => String(n).padStart(2, '0')

// 2026-11-24 07:06:00
export function utcText (date: Date): string {
  return `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())} ` +
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
}

// In the reader's own zone, which it names: 2026-11-24 08:06:00 GMT+1
export function localText (date: Date): string {
  const zone = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
    .formatToParts(date).find(part => part.type === 'timeZoneName')?.value ?? ''
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`.trimEnd()
}

const UNITS: ReadonlyArray<[string, number]> =
  [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]]

const count = (n: number, unit: string): string => `${n} ${unit}${n === 1 ? '' : 's'}`

// The largest unit, and the next one where that says much: "2 hours 5 minutes", "40 seconds".
export function durationText (seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole === 0) return 'less than a second'
  const at = UNITS.findIndex(([, size]) => whole >= size)
  const [unit, size] = UNITS[at] ?? ['second', 1]
  const first = count(Math.floor(whole / size), unit)
  const next = UNITS[at + 1]
  const rest = next === undefined ? 0 : Math.floor((whole % size) / next[1])
  return next === undefined || rest === 0 ? first : `${first} ${count(rest, next[0])}`
}

// "just now", "5 minutes ago", "in 3 days"
export function relativeText (date: Date, now: Date): string {
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000)
  const far = Math.abs(seconds)
  if (far < 5) return 'just now'
  const [unit, size] = UNITS.find(([, size]) => far >= size) ?? ['second', 1]
  const text = count(Math.floor(far / size), unit)
  return seconds < 0 ? `${text} ago` : `in ${text}`
}

// With thin grouping: 1,234,567.
export const numberText = (n: number): string => n.toLocaleString('en-US')
