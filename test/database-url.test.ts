import { expect, test } from 'vitest'
import { shownUrl, urlsOf } from '../src/postgres-url.ts'

test('one URL for each host', () => {
  expect(urlsOf('postgres://u:p@one:5432,two/x?sslmode=require')).toEqual([
    'postgres://u:p@one:5432/x?sslmode=require',
    'postgres://u:p@two/x?sslmode=require',
  ])
  expect(urlsOf('postgresql://[::1]:5432/x')).toEqual(['postgresql://[::1]:5432/x'])
  for (const wrong of ['http://one/x', 'postgres://one:port/x', 'one', ''])
    expect(() => urlsOf(wrong)).toThrow(TypeError)
})

test('neither user nor password nor options are shown', () => {
  expect(shownUrl('postgres://u:p@ss@one:5432,two/x?password=p')).toBe('postgres://one:5432,two/x')
})
