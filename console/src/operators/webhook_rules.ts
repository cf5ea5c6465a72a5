// What is seen to be wrong with a webhook before the service is asked.
const SECRET_MIN = 32
const SECRET_MAX = 64

export interface WebhookProblems { name?: string, url?: string, secret?: string }

export function webhookProblems ({ name, url, secret }: { name: string, url: string, secret: string }): WebhookProblems {
  const problems: WebhookProblems = {}
  if (name.trim() === '') problems.name = 'A name is needed.'
  if (!URL.canParse(url.trim()) || !/^https?:\/\//.test(url.trim())) problems.url = 'Enter a whole URL, such as https://example.com/hook.'
  if (secret !== '' && (secret.length < SECRET_MIN || secret.length > SECRET_MAX)) {
    problems.secret = `A secret has ${SECRET_MIN} to ${SECRET_MAX} characters.`
  }
  return problems
}
