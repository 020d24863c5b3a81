// What `postern copy` refuses, each with a reason and without having written anything; and what it says of itself.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { record, request } from '../contract/store/record.ts'
import { queryOnce } from '../support/postgres.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { copy, folder, postern, source, target } from './copied.ts'
import { copyInSteps } from './copying-process.ts'

describe('refused, with nothing written, is', () => {
  const refused = async (running: ReturnType<typeof postern>, reason: string) => {
    const { code, output } = await running
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(reason) })
    expect(output).not.toContain('hunter2')
  }
  /** Where nobody listens, under a password. */
  const nowhere = 'postgres://postern:hunter2@127.0.0.1:1/postern'

  test('a source that a gateway has open', async () => {
    const [path, { url }] = [source(), await target()]
    const store = await openSqliteStore(path)
    try {
      await refused(copy(path, url), 'another process has the database')
    } finally {
      await store.close()
    }
  })

  test('a source that is not there, that is no inbox, and one of a newer version', async () => {
    const plain = join(folder, 'plain.txt')
    writeFileSync(plain, 'no database')
    const empty = join(folder, 'empty.db')
    new Sqlite(empty).exec('create table a (b)').close()
    const newer = source()
    new Sqlite(newer).exec("insert into kysely_migration values ('999-later', '2030-01-01')").close()
    await refused(copy(join(folder, 'nothing.db'), nowhere), 'there is no file')
    await refused(copy(plain, nowhere), 'no inbox')
    await refused(copy(empty, nowhere), 'no inbox')
    await refused(copy(newer, nowhere), 'newer version')
  })

  test('a server that does not answer', () => refused(copy(source(), nowhere), 'ECONNREFUSED'))

  test('a target that holds another inbox, also with --restart', async () => {
    const [path, { url }] = [source(), await target()]
    const store = await openPostgresStore(postgresOptions(url))
    await store.append([record('its own')], request('x'))
    await store.close()
    await refused(copy(path, url), 'holds another inbox')
    await refused(copy(path, url, '--dry-run'), 'holds another inbox')
    await refused(copy(path, url, '--restart'), 'holds another inbox')
    expect(await queryOnce(url, 'select count(*)::int as events from events')).toEqual([{ events: 1 }])
  })

  test('a target that a gateway works on, however empty', async () => {
    const [path, { url }] = [source(), await target()]
    const store = await openPostgresStore(postgresOptions(url, { node: 'somebody' }))
    try {
      await refused(copy(path, url), 'a gateway works on the target (somebody)')
    } finally {
      await store.close()
    }
    expect((await copy(path, url)).code).toBe(0)
  })

  test("a target with another inbox's unfinished copy, and a source that has changed since", async () => {
    const [path, other, { url }] = [source(), join(folder, 'other.db'), await target()]
    await (await openSqliteStore(other)).close()
    expect((await copyInSteps(path, url, { afterSteps: 10, delayMs: 0 }).ended).killed).toBe(true)
    await refused(copy(other, url), "another inbox's unfinished copy")
    const store = await openSqliteStore(path)
    await store.deliveries.pause(1, 'person', 1)
    await store.close()
    await refused(copy(path, url), 'changed since this copy was begun')
    expect((await copy(path, url, '--restart')).code).toBe(0)
  })

  test('the same source once it or the target has gone on; as it was there is nothing to do', async () => {
    const [path, { url }] = [source(), await target()]
    expect((await copy(path, url)).code).toBe(0)
    expect(await copy(path, url)).toMatchObject({ code: 0, output: expect.stringContaining('nothing to copy') })
    const here = await openSqliteStore(path)
    await here.append([record('later')], request('x'))
    await here.close()
    await refused(copy(path, url), 'the source has gone on')
    const there = await openPostgresStore(postgresOptions(url))
    for (const key of ['later', 'still later']) await there.append([record(key)], request('x'))
    await there.close()
    await refused(copy(path, url), 'gateways have gone on there')
  })

  test('a command line that says something else, which is not repeated where it may hold a password', async () => {
    await refused(postern(['copy']), '--from: expected sqlite:<path>')
    await refused(postern(['copy', '--from', nowhere, '--to', nowhere]), '--from: expected sqlite:<path>')
    await refused(postern(['copy', '--from', 'sqlite:a', '--to', 'mysql://a:hunter2@b/c']), 'expected postgres://')
    await refused(postern(['copy', '--from', 'sqlite:a', '--to', `${nowhere.replace('@', '@a,')}`]), 'of one server')
    await refused(postern(['copy', '--from', 'sqlite:a']), 'POSTERN_DATABASE')
    await refused(postern(['copy', nowhere]), 'Expected options only')
    await refused(postern(['copy', `--too=${nowhere}`]), '--too')
    await refused(postern(['copied', nowhere]), 'no such command')
  })
})

describe('the command line', () => {
  test('--dry-run says what would be copied, and writes nothing', async () => {
    const [path, { url }] = [source(), await target()]
    const { code, output } = await postern(['copy', '--from', `sqlite:${path}`, '--dry-run'], { POSTERN_DATABASE: url })
    expect(code).toBe(0)
    expect(output).toMatch(/events +330 rows/)
    expect(output).toContain('Nothing was written.')
    expect(await queryOnce(url, `select relname from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([])
  })

  test('says how it is used', async () => {
    expect(await postern(['--help'])).toMatchObject({ code: 0, output: expect.stringContaining('copies an inbox') })
    const { code, output } = await postern(['copy', '--help'])
    expect(code).toBe(0)
    for (const part of ['Examples:', 'Exit codes:', '--restart', '--dry-run']) expect(output).toContain(part)
  })
})
