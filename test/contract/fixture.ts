// Requests recorded or reconstructed from what the vendors really send: `test/fixtures/<vendor>/<name>.json`, and
// beside each accepted one the event that it must become, written by hand: `<name>.event.json`.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Inbound } from '../../src/ingest/request.ts'

const root = join(import.meta.dirname, '..', 'fixtures')

export interface Fixture {
  vendor: string
  name: string
  method: string
  path: string
  headers: Record<string, string>
  body: string
}

export const keys = JSON.parse(readFileSync(join(root, 'keys.json'), 'utf8'))

/** The clock under which every golden event was written. */
export const fixtureReceivedAt = Date.parse('2026-01-02T03:04:05.678Z')

export function fixture(vendor: string, name: string): Fixture {
  return { vendor, name, ...JSON.parse(readFileSync(join(root, vendor, `${name}.json`), 'utf8')) }
}

export function fixtureNames(vendor: string): string[] {
  return readdirSync(join(root, vendor))
    .filter(file => file.endsWith('.json') && !file.endsWith('.event.json'))
    .map(file => file.slice(0, -'.json'.length))
}

export function golden(vendor: string, name: string): unknown {
  const path = join(root, vendor, `${name}.event.json`)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** The fixture as checks and adapters see it; the path is `/hooks/<source>[/<token>][/<rest>]`. */
export function inbound(
  { method, path, headers, body }: Fixture,
  { receivedAt = fixtureReceivedAt, hasPathToken = false, address = '127.0.0.1' } = {},
): Inbound {
  const [pathname = '', query = ''] = path.split('?')
  const segments = pathname
    .split('/')
    .filter(segment => segment !== '')
    .slice(2)
  const pathToken = hasPathToken ? segments.shift() : undefined
  return new Inbound({
    method,
    rest: segments.join('/'),
    pathToken,
    query,
    headers: Object.entries(headers),
    body: Buffer.from(body),
    receivedAt,
    address,
  })
}
