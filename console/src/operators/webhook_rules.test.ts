import { expect, test } from 'vitest'
import { headersText, parseHeaders, webhookProblems } from './webhook_rules'

const good = { name: 'Desk', url: 'https://example.com/hook', secret: '', headers: '' }

test('a webhook has a name, a whole URL, and no secret or a long one', () => {
  expect(webhookProblems(good)).toEqual({})
  expect(webhookProblems({ ...good, name: ' ' }).name).toBeDefined()
  for (const url of ['', 'example.com', 'ftp://example.com', 'javascript:alert(1)', 'https://']) {
    expect(webhookProblems({ ...good, url }).url, url).toBeDefined()
  }
  expect(webhookProblems({ ...good, secret: 'a'.repeat(31) }).secret).toBeDefined()
  expect(webhookProblems({ ...good, secret: 'a'.repeat(32) })).toEqual({})
  expect(webhookProblems({ ...good, secret: 'a'.repeat(65) }).secret).toBeDefined()
})

test('headers are typed a line each, and every one once', () => {
  expect(parseHeaders('')).toEqual({})
  const headers = { 'X-Team': 'security', Accept: 'a: b' }
  expect(parseHeaders(' X-Team: security\n\nAccept:a: b ')).toEqual(headers)
  expect(parseHeaders(headersText(headers))).toEqual(headers)
  for (const text of ['X-Team', 'X Team: a', ': a', 'X-Team: a\nx-team: b']) {
    expect(parseHeaders(text), text).toBeUndefined()
    expect(webhookProblems({ ...good, headers: text }).headers, text).toBeDefined()
  }
})
