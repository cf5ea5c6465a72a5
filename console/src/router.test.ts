import { expect, test } from 'vitest'
import { match, safeReturn } from './router'

test('patterns match segment by segment', () => {
  expect(match('/settings', '/settings/')).toEqual({})
  expect(match('/webhooks/:id', '/webhooks/a%20b')).toEqual({ id: 'a b' })
  expect(match('/webhooks/:id', '/webhooks')).toBeUndefined()
  expect(match('/webhooks/:id', '/webhooks/a/b')).toBeUndefined()
  expect(match('/webhooks/:id', '/webhooks/%ff')).toBeUndefined()
})

test('only paths of this console are returned to', () => {
  expect(safeReturn('/events?type=a')).toBe('/events?type=a')
  for (const bad of [null, '', 'https://evil.example', '//evil.example', '/\\evil.example',
    'javascript:alert(1)', '/signin?returnto=/signin', '/a\nb']) {
    expect(safeReturn(bad)).toBe('/')
  }
})
