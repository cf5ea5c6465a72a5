import { expect, test } from 'vitest'
import { webhookProblems } from './webhook_rules'

const good = { name: 'Desk', url: 'https://example.com/hook', secret: '' }

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
