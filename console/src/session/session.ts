// Who is signed in. The cookie is out of the page's reach; the service says what it stands for.
import { createContext, useContext } from 'react'
import { forgetCsrfToken, send } from '../api/client'
import { ApiError } from '../api/errors'
import { forgetResources } from '../data/resource'
import type { Role } from '../api/types'

export interface Session {
  principal: { id: string, name?: string, email?: string }
  role: Role
  tenant: { id: string, name: string, region: string } | null
  signedInWith: 'api-key' | 'oidc'
  createdAt: string
  idleExpiresAt: string
  expiresAt: string
}

export interface SignInOptions {
  apiKey: boolean
  oidc: { name: string, startUrl: string } | null
  emulated: boolean
  emulatorUrl: string | null // The emulator's own page.
  version: string
}

const SESSION = '/api/v1/session'

export const loadOptions = (): Promise<SignInOptions> => send('GET', `${SESSION}/options`)

export async function loadSession (): Promise<Session | null> {
  try {
    return await send<Session>('GET', SESSION)
  } catch (problem) {
    if (problem instanceof ApiError && problem.status === 401) return null
    throw problem
  }
}

export async function signIn (apiKey: string): Promise<Session> {
  forgetCsrfToken()
  forgetResources()
  const answer = await send<Session | undefined>('POST', SESSION, { apiKey })
  forgetCsrfToken()
  return answer?.role ? answer : send<Session>('GET', SESSION)
}

// The place to go to next.
export async function signOut (): Promise<string> {
  const answer = await send<{ endSessionUrl?: string } | undefined>('DELETE', SESSION)
  forgetCsrfToken()
  forgetResources()
  return answer?.endSessionUrl ?? '/signin'
}

export interface SessionState {
  session: Session
  options: SignInOptions
  leave: () => void // Signs out.
}

export const SessionContext = createContext<SessionState | null>(null)

export function useSession (): SessionState {
  const state = useContext(SessionContext)
  if (state === null) throw new Error('There is no session here.')
  return state
}

export const isAdmin = (session: Session): boolean => session.role === 'TenantAdmin'
export const isOperator = (session: Session): boolean => session.role === 'PlatformOperator'

export const ROLE_NAMES: Record<Role, string> = {
  PlatformOperator: 'Operator',
  TenantAdmin: 'Tenant admin',
  ContentService: 'Content service',
  Auditor: 'Auditor'
}

