import { api, result } from '../api/client'
import { allPages } from '../data/pages'
import type { ApiKey, Tenant } from '../api/types'

export const listTenants = (): Promise<Tenant[]> =>
  allPages(next => result(api.GET('/api/v1/tenants', {
    params: { query: { limit: 100, ...(next?.get('next') ? { next: next.get('next') ?? '' } : {}) } }
  })))

export const listKeys = (): Promise<ApiKey[]> =>
  allPages(next => result(api.GET('/api/v1/api-keys', {
    params: { query: { limit: 100, ...(next?.get('startingAfter') ? { startingAfter: next.get('startingAfter') ?? '' } : {}) } }
  })))
