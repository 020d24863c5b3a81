// Tokens, and the audit log of what was done with them.
import { describe, expect, test } from 'vitest'
import type { AuditEntry } from '../../../src/store/audit.ts'
import type { Page } from '../../../src/store/store.ts'
import type { NewToken } from '../../../src/store/tokens.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { day, entryId, minute, start } from './record.ts'

const token = (name: string, fields: Partial<NewToken> = {}): NewToken => ({
  id: entryId(`token ${name}`),
  name,
  hash: Buffer.alloc(32, name),
  scopes: ['read'],
  sources: null,
  createdAt: start,
  expiresAt: null,
  ...fields,
})
const entry = (text: string, fields: Partial<AuditEntry> = {}): AuditEntry => ({
  id: entryId(`audit ${text}`),
  at: start,
  actor: 'admin',
  tokenId: null,
  action: 'delivery.retry',
  target: text,
  detail: '{}',
  address: '192.0.2.1',
  status: null,
  ...fields,
})

export function testTokens(open: OpenStore): void {
  describe('tokens', () => {
    const inbox = inboxFor(open)

    test('are what they were made as, also when the store is opened again', async () => {
      const plain = token('plain')
      const full = token('ß "full"', {
        scopes: ['raw', 'operate'],
        sources: ['north', 'south'],
        expiresAt: start + day,
      })
      for (const each of [plain, full]) expect(await inbox.store.tokens.add(each)).toBe('added')
      await inbox.reopen()
      for (const each of [plain, full]) {
        expect(await inbox.store.tokens.find(each.id)).toEqual({ ...each, usedAt: null, revokedAt: null })
      }
      expect(await inbox.store.tokens.find(entryId('nobody'))).toBeUndefined()
      // What is listed holds no hash.
      const { hash: _, ...shown } = full
      expect((await inbox.store.tokens.list({ limit: 1, revoked: false })).items).toEqual([
        { ...shown, usedAt: null, revokedAt: null },
      ])
    })

    test('are added once, and no two that are not revoked have one name', async () => {
      const { tokens } = inbox.store
      const first = token('name')
      expect(await tokens.add(first)).toBe('added')
      expect(await tokens.add(first), 'the same again is harmless').toBe('added')
      const others = [1, 2, 3].map(index => token('name', { id: entryId(`other ${index}`) }))
      expect(await Promise.all(others.map(each => tokens.add(each)))).toEqual(['taken', 'taken', 'taken'])
      expect(await tokens.revoke(first.id, start)).toBe(true)
      const answers = await Promise.all(others.map(each => tokens.add(each)))
      expect(answers.toSorted()).toEqual(['added', 'taken', 'taken'])
    })

    test('are revoked once', async () => {
      const { tokens } = inbox.store
      const { id } = token('revoked')
      await tokens.add(token('revoked'))
      const answers = await Promise.all([1, 2, 3].map(after => tokens.revoke(id, start + after)))
      expect(answers.toSorted()).toEqual([false, false, true])
      expect((await tokens.find(id))?.revokedAt).toBe(start + 1 + answers.indexOf(true))
      expect(await tokens.revoke(entryId('nobody'), start)).toBe(false)
    })

    test('remember the latest use', async () => {
      const { tokens } = inbox.store
      const { id } = token('used')
      await tokens.add(token('used'))
      await tokens.used(id, start + 2 * minute)
      await tokens.used(id, start + minute)
      expect((await tokens.find(id))?.usedAt).toBe(start + 2 * minute)
      await tokens.used(id, start + 3 * minute)
      expect((await tokens.find(id))?.usedAt).toBe(start + 3 * minute)
    })

    test('are listed newest first, page by page, with the revoked ones if asked', async () => {
      await withInbox(open, async ({ store }) => {
        const names = Array.from({ length: 7 }, (_, index) => `t${index}`)
        for (const name of names) await store.tokens.add(token(name))
        await store.tokens.revoke(token('t3').id, start)
        const list = async (revoked: boolean, limit: number) =>
          (await all(cursor => store.tokens.list({ limit, revoked, ...cursor }))).map(({ name }) => name)
        expect(await list(true, 3)).toEqual(names.toReversed())
        expect(await list(false, 2)).toEqual(names.toReversed().filter(name => name !== 't3'))
      })
    })

    test('are at most a thousand, of which those that were revoked long ago are forgotten', async () => {
      await withInbox(open, async ({ store }) => {
        const { tokens } = store
        for (let from = 0; from < 1_000; from += 100) {
          const some = Array.from({ length: 100 }, (_, index) => token(`t${from + index}`))
          const added = await Promise.all(some.map(each => tokens.add(each)))
          expect(new Set(added)).toEqual(new Set(['added']))
        }
        expect(await tokens.add(token('one more'))).toBe('full')
        await Promise.all([1, 2, 3].map(index => tokens.revoke(token(`t${index}`).id, start + index * day)))
        expect(await tokens.add(token('one more'))).toBe('added')
        expect(await tokens.forget(start + 3 * day)).toBe(2)
        expect(await tokens.forget(start + 3 * day)).toBe(0)
        expect(await tokens.find(token('t2').id)).toBeUndefined()
        expect((await tokens.find(token('t3').id))?.revokedAt).toBe(start + 3 * day)
        expect(await tokens.find(token('t4').id)).toBeDefined()
      })
    })
  })

  describe('the audit log', () => {
    const inbox = inboxFor(open)

    test('has what was begun, once, and what came of it', async () => {
      const { audit } = inbox.store
      const done = entry('dlv_1', { tokenId: 'tok_1', actor: 'robot', detail: '{"q":"ß"}' })
      const open = entry('dlv_2', { at: start + 1 })
      for (const { status: _, ...each } of [done, open]) {
        await audit.begin(each)
        await audit.begin(each)
      }
      await audit.end(done.id, 204)
      await audit.end(entryId('nobody'), 500)
      await inbox.reopen()
      expect((await inbox.store.audit.list({}, { limit: 10 })).items).toEqual([open, { ...done, status: 204 }])
    })

    test('is listed newest first, page by page, by actor and by action', async () => {
      await withInbox(open, async ({ store }) => {
        const entries = Array.from({ length: 12 }, (_, index) =>
          entry(`${index}`, {
            actor: ['admin', 'robot', 'ops'][index % 3]!,
            action: index % 2 === 0 ? 'event.raw' : 'token.make',
          }),
        )
        for (const each of entries) await store.audit.begin(each)
        const list = async (filter: { actor?: string; action?: string }, limit: number) =>
          (await all(cursor => store.audit.list(filter, { limit, ...cursor }))).map(({ target }) => target)
        const expected = (takes: (each: AuditEntry) => boolean) =>
          entries
            .filter(takes)
            .map(({ target }) => target)
            .toReversed()
        expect(await list({}, 5)).toEqual(expected(() => true))
        expect(await list({ actor: 'robot' }, 1)).toEqual(expected(({ actor }) => actor === 'robot'))
        expect(await list({ action: 'event.raw' }, 6)).toEqual(expected(({ action }) => action === 'event.raw'))
        const both = { actor: 'ops', action: 'token.make' }
        expect(await list(both, 1)).toEqual(
          expected(({ actor, action }) => actor === both.actor && action === both.action),
        )
        expect(await list({ actor: 'nobody' }, 5)).toEqual([])
      })
    })

    test('forgets what is old', async () => {
      await withInbox(open, async ({ store }) => {
        const entries = Array.from({ length: 640 }, (_, index) => entry(`${index}`, { at: start + index }))
        // One whose clock was ahead keeps nothing else.
        entries[3] = entry('3', { at: start + day })
        await Promise.all(entries.slice(0, 4).map(each => store.audit.begin(each)))
        for (let from = 4; from < entries.length; from += 200) {
          await Promise.all(entries.slice(from, from + 200).map(each => store.audit.begin(each)))
        }
        expect(await store.audit.expire(start + 580)).toBe(579)
        expect(await store.audit.expire(start + 580)).toBe(0)
        const left = await all(cursor => store.audit.list({}, { limit: 50, ...cursor }))
        expect(left.map(({ target }) => target).toSorted()).toEqual(
          ['3', ...entries.slice(580).map(({ target }) => target)].toSorted(),
        )
      })
    })
  })
}

async function all<Item>(read: (cursor: { cursor?: string }) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Item> = await read(cursor === undefined ? {} : { cursor })
    items.push(...page.items)
    cursor = page.next
  }
  return items
}
