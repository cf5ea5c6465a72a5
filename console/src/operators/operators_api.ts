import { api, result } from '../api/client'
import { allPages } from '../data/pages'
import type { ApiKey, Tenant } from '../api/types'

export const listTenants = (): Promise<Tenant[]> =>
  allPages(next => result(api.GET('/api/v1/tenants', {
    params: { query: { limit: 100, ...(next?.get('next') ? { next: next.get('next') ?? '' } : {}) } }
  })))

// Without a tenant those of the deployment, or of the caller's own tenant.
export const listKeys = (tenantId?: string): Promise<ApiKey[]> =>
  allPages(next => result(api.GET('/api/v1/api-keys', {
    params: { query: {
      limit: 100,
      ...(tenantId ? { tenantId } : {}),
      ...(next?.get('startingAfter') ? { startingAfter: next.get('startingAfter') ?? '' } : {})
    } }
  })))
