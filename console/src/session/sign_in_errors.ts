// Why the way through the identity provider ended here: the codes of ?error=, in words.
const TEXTS: Readonly<Record<string, string>> = {
  access_denied: 'The identity provider did not let you in, or you cancelled.',
  login_required: 'The identity provider asks you to sign in there first.',
  'state-mismatch': 'This sign-in was started in another browser, or too long ago. Start again.',
  'invalid-state': 'This sign-in was started in another browser, or too long ago. Start again.',
  'expired-state': 'This sign-in took too long. Start again.',
  'invalid-token': 'The identity provider answered with a token that is not to be trusted.',
  'no-role': 'Your account has no role in Tenantseal. Ask your administrator for one.',
  'no-tenant': 'Your account belongs to no tenant here. Ask your administrator.',
  'unknown-tenant': 'Your account belongs to no tenant here. Ask your administrator.',
  'tenant-not-active': 'Your tenant is deactivated. Ask the operator.',
  'provider-unavailable': 'The identity provider cannot be reached. Try again in a minute.'
}

export const signInErrorText = (code: string): string =>
  Object.hasOwn(TEXTS, code)
    ? TEXTS[code] as string
    : 'The sign-in could not be completed. Try again; if it stays so, give the request id to your operator.'
