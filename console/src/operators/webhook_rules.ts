// What is seen to be wrong with a webhook before the service is asked.
const SECRET_MIN = 32
const SECRET_MAX = 64

export const WEBHOOK_FIELDS = ['name', 'url', 'secret', 'headers', 'filter'] as const
export type WebhookField = typeof WEBHOOK_FIELDS[number]
export type WebhookProblems = Partial<Record<WebhookField, string>>

interface Typed { name: string, url: string, secret: string, headers: string }

export function webhookProblems ({ name, url, secret, headers }: Typed): WebhookProblems {
  const problems: WebhookProblems = {}
  if (name.trim() === '') problems.name = 'A name is needed.'
  if (!URL.canParse(url.trim()) || !/^https?:\/\//.test(url.trim())) problems.url = 'Enter a whole URL, such as https://example.com/hook.'
  if (secret !== '' && (secret.length < SECRET_MIN || secret.length > SECRET_MAX)) {
    problems.secret = `A secret has ${SECRET_MIN} to ${SECRET_MAX} characters.`
  }
  if (!parseHeaders(headers)) problems.headers = 'Enter a header a line, each once, such as X-Team: security.'
  return problems
}

// A header a line, `Name: value`; undefined where a line is none or names one again.
export function parseHeaders (text: string): Record<string, string> | undefined {
  const headers = new Map<string, string>()
  for (const line of text.split('\n').map(each => each.trim()).filter(each => each !== '')) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    if ([...headers.keys()].some(known => known.toLowerCase() === name.toLowerCase())) return undefined
    headers.set(name, value)
  }
  return Object.fromEntries(headers)
}

export const headersText = (headers: Record<string, string>): string =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join('\n')
