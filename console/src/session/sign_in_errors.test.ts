import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SIGN_IN_ERRORS, signInErrorText } from './sign_in_errors'

test('every reason that the service gives has words', () => {
  const source = readFileSync(new URL('../../../src/identity/oidc_sign_in.cc', import.meta.url), 'utf8')
  const names = /SignInFailureName\([\s\S]*?\n\}/.exec(source)?.[0] ?? ''
  const codes = [...names.matchAll(/return "([a-z-]+)";/g)].map(found => found[1])
  expect(codes.length).toBeGreaterThan(3)
  expect(Object.keys(SIGN_IN_ERRORS).sort()).toEqual([...new Set(codes)].sort())
})

test('a code of somebody else is no text of the page', () => {
  expect(signInErrorText('constructor')).toContain('could not be completed')
  expect(signInErrorText('<b>')).not.toContain('<b>')
})
