// What is typed into "Create new" is kept until it is added: through a refusal, a reload, or a
// session that ends. An ARN is no secret, and the browser's tab forgets it when it is closed.
export interface Draft { arn: string, name: string, description: string }

const KEY = 'tenantseal-new-key-provider'
export const EMPTY_DRAFT: Draft = { arn: '', name: '', description: '' }

const textOf = (value: unknown): string => typeof value === 'string' ? value : ''

export function loadDraft (tenantId: string): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(`${KEY} ${tenantId}`) ?? '{}') as Record<string, unknown>
    return { arn: textOf(kept['arn']), name: textOf(kept['name']), description: textOf(kept['description']) }
  } catch {
    return EMPTY_DRAFT
  }
}

export function keepDraft (tenantId: string, draft: Draft): void {
  try {
    sessionStorage.setItem(`${KEY} ${tenantId}`, JSON.stringify(draft))
  } catch { /* It lasts as long as the page then. */ }
}

export function forgetDraft (tenantId: string): void {
  try { sessionStorage.removeItem(`${KEY} ${tenantId}`) } catch { /* As above. */ }
}
