// Why the way through the identity provider ended here: the codes of ?error=, in words. A test
// compares them with the service's.
export const SIGN_IN_ERRORS: Readonly<Record<string, string>> = {
  denied: 'The identity provider did not let you in, or you cancelled.',
  state: 'This sign-in was started in another browser, or was used already. Start again.',
  expired: 'This sign-in took too long. Start again.',
  provider: 'The identity provider cannot be reached, or answers nonsense. Try again in a minute.',
  token: 'The identity provider answered with a token that is not to be trusted.',
  role: 'Your account has no role here. Ask your administrator for one.',
  tenant: 'Your account belongs to no active tenant here. Ask your administrator.',
  busy: 'Too many are signing in. Try again in a minute.',
  internal: 'The service met a defect. If it stays so, give the request id to your operator.'
}

export const signInErrorText = (code: string): string =>
  Object.hasOwn(SIGN_IN_ERRORS, code)
    ? SIGN_IN_ERRORS[code] as string
    : 'The sign-in could not be completed. Try again; if it stays so, give the request id to your operator.'
