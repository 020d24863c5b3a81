// The law of every signature: whatever byte is changed, of what was signed or of the signature, the request is refused.
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Check } from '../../src/checks/check.ts'
import { Inbound } from '../../src/ingest/request.ts'

/** Flips one bit of the body or of one of the named headers, many times over, and expects each to be refused. */
export async function expectEveryFlipRefused(check: Check<string>, genuine: Inbound, headers: string[]): Promise<void> {
  expect(await check.verify(genuine)).toMatchObject({ ok: true })
  const places = [
    ...[...genuine.body.keys()].map(at => ({ name: undefined as string | undefined, at })),
    ...headers.flatMap(name => [...(genuine.header(name) ?? '')].map((_, at) => ({ name, at }))),
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...places), fc.nat(7), async ({ name, at }, bit) => {
      const body = Buffer.from(genuine.body)
      if (name === undefined) body.writeUInt8(body.readUInt8(at) ^ (1 << bit), at)
      const flipped = genuine.headers.map(([each, value]) =>
        each.toLowerCase() === name ? ([each, flipCharacter(value, at, bit)] as const) : ([each, value] as const),
      )
      const changed = new Inbound({ ...partsOf(genuine), body, headers: flipped })
      expect(await check.verify(changed)).toMatchObject({ ok: false })
    }),
    { numRuns: 1_000 },
  )
}

function flipCharacter(text: string, at: number, bit: number): string {
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1)
}

function partsOf({ method, rest, pathToken, query, receivedAt, address }: Inbound) {
  return { method, rest, pathToken, query, receivedAt, address }
}
