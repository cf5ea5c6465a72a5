// What the service refused, in the shape that its error envelope has (docs/errors.md).
import type { ValidationReport } from './types'

interface Entry { code?: string, title?: string, detail?: string, meta?: Record<string, unknown> }

export class ApiError extends Error {
  constructor (
    readonly status: number, // 0: no answer came.
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly requestId: string,
    readonly meta: Record<string, unknown> = {},
    readonly retryAfterSeconds = 0
  ) {
    super(detail || title)
  }

  get isNetwork (): boolean { return this.status === 0 }
  // The field at fault, or "".
  get field (): string { return typeof this.meta['field'] === 'string' ? this.meta['field'] : '' }

  // The report of the validation that refused, if one did.
  get report (): ValidationReport | undefined {
    return Array.isArray(this.meta['checks']) ? this.meta as unknown as ValidationReport : undefined
  }
}

export const noAnswer = (): ApiError =>
  new ApiError(0, 'no-answer', 'The service does not answer.',
    'Check the connection; this page goes on by itself once the service answers.', '')

export function errorOf (response: Response, body: unknown): ApiError {
  const envelope = (typeof body === 'object' && body !== null ? body : {}) as
    { errors?: Entry[], traceId?: string }
  const entry = envelope.errors?.[0] ?? {}
  const retryAfter = Number(response.headers.get('retry-after') ?? '')
  return new ApiError(
    response.status,
    entry.code ?? `http-${response.status}`,
    entry.title ?? `The service answered ${response.status}.`,
    entry.detail ?? '',
    envelope.traceId ?? response.headers.get('x-request-id') ?? '',
    entry.meta ?? {},
    Number.isFinite(retryAfter) ? retryAfter : 0)
}

export const asApiError = (problem: unknown): ApiError =>
  problem instanceof ApiError
    ? problem
    : new ApiError(0, 'console', 'The console met a defect.', String(problem), '')
