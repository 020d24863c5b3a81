// The commands that work on the database itself: a backup while requests come in, what is restored from it, and what is
// refused.
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { runCommand } from '../support/command.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-database-'))
const path = join(folder, 'postern.db')
const nowhere = http({ url: 'https://127.0.0.1:9/' })
const config = { sources: { plain: plain() }, subscriptions: { none: { types: ['nothing.*'], to: nowhere } } }
let gateway: TestGateway
let sent = 0

const postern = (args: readonly string[], database = path) =>
  runCommand(args, { env: { POSTERN_DATABASE: `sqlite:${database}` } })
const send = async () => {
  const body = plainBody({
    key: `k${++sent}`,
    type: 'loan.created',
    subject: `loan/L${sent}`,
    refs: { loan: `L${sent}` },
  })
  expect((await gateway.post('/hooks/plain', body)).status).toBe(200)
}
/** Everything that is read of an inbox, in its order. */
async function eventsOf(database: string) {
  const store = await openSqliteStore(database)
  try {
    const { events } = await store.list({ filter: {}, order: 'oldest', limit: 10_000 })
    return await Promise.all(events.map(async event => ({ event, request: await store.requestOf(event) })))
  } finally {
    await store.close()
  }
}

beforeAll(async () => {
  gateway = await startTestGateway({ config, database: path })
  for (let index = 0; index < 200; index++) await send()
})
afterAll(async () => {
  await gateway.close().catch(() => {})
  rmSync(folder, { recursive: true, force: true })
})

describe('a backup', () => {
  const file = join(folder, 'backup.db')
  let backedUpAtLeast: number

  test('is made while requests come in, and holds all that was there when it began', async () => {
    // What a backup that was killed has left, and a way elsewhere that somebody has laid.
    for (const end of ['-journal', '-wal', '-shm']) writeFileSync(`${file}.partial${end}`, 'left')
    symlinkSync(join(folder, 'elsewhere'), `${file}.partial`)
    backedUpAtLeast = sent
    let isDone = false
    const backup = postern(['backup', file, '--json']).finally(() => {
      isDone = true
    })
    const modes = new Set<number>()
    while (!isDone) {
      await send()
      const partial = lstatSync(`${file}.partial`, { throwIfNoEntry: false })
      if (partial?.isFile()) modes.add(partial.mode & 0o777)
    }
    expect([...modes].filter(mode => mode !== 0o600)).toEqual([])
    const { code, stdout, stderr } = await backup
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const told = JSON.parse(stdout) as { position: number; counts: Record<string, number>; bytes: number }
    expect(sent).toBeGreaterThan(backedUpAtLeast)
    expect(told.position).toBeGreaterThanOrEqual(backedUpAtLeast)
    expect(told.counts.events).toBe(told.position)
    expect(statSync(file)).toMatchObject({ size: told.bytes, mode: 0o100600 })
    expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
    // One file, and no part of it elsewhere.
    expect(readdirSync(folder).filter(name => name.startsWith('backup'))).toEqual(['backup.db'])
  })

  test('overwrites nothing, and says what it does not hold', async () => {
    const before = readFileSync(file)
    expect(await postern(['backup', file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is there already'),
    })
    expect(readFileSync(file).equals(before)).toBe(true)
    const other = await postern(['backup', join(folder, 'other.db')])
    expect(other).toMatchObject({ code: 0, stderr: expect.stringContaining('POSTERN_KEY') })
    const nowhere = await postern(['backup', join(folder, 'none', 'backup.db')])
    expect(nowhere).toMatchObject({ code: 1, stderr: `There is no folder ${join(folder, 'none')}.\n` })
    expect((await postern(['backup', join(folder, 'x.db')], join(folder, 'no.db'))).code).toBe(3)
  })

  test('of any rights is restored to a file that its owner alone reads', async () => {
    const [open, shared] = [join(folder, 'open.db'), join(folder, 'shared')]
    cpSync(file, open)
    chmodSync(open, 0o644)
    mkdirSync(shared)
    chmodSync(shared, 0o755)
    expect((await postern(['restore', open], join(shared, 'postern.db'))).code).toBe(0)
    for (const name of readdirSync(shared)) {
      expect({ name, mode: statSync(join(shared, name)).mode & 0o777 }).toEqual({ name, mode: 0o600 })
    }
  })

  test('is restored into a new folder with every event, request and position, under a new epoch', async () => {
    const target = join(folder, 'new', 'postern.db')
    const { code, stdout } = await postern(['restore', file, '--json', '--gap', '5000'], target)
    expect(code).toBe(0)
    const { last, position, epoch, aside } = JSON.parse(stdout) as Record<string, unknown>
    expect({ aside, position }).toEqual({ aside: null, position: Number(last) + 5000 })
    const copy = join(folder, 'compared.db')
    for (const end of ['', '-wal']) if (existsSync(path + end)) cpSync(path + end, copy + end)
    const [there, here] = [await eventsOf(target), await eventsOf(copy)]
    expect(there.length).toBe(last)
    expect(there).toEqual(here.slice(0, there.length))
    expect(epoch).not.toBe((await gateway.gateway.store.extent()).epoch)
  })

  test('is refused while a gateway has the database open; afterwards what was there is kept', async () => {
    const refused = await postern(['restore', file])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('nother process has the database') })
    const beyond = sent
    await gateway.close()
    const { code, stdout, stderr } = await postern(['restore', file])
    expect(code).toBe(0)
    expect(stdout).toContain('it goes on at')
    const aside = /before is (\S+)/.exec(stderr)![1]!
    expect((await eventsOf(aside)).length).toBe(beyond)

    gateway = await startTestGateway({ config, database: path })
    const { head } = await gateway.gateway.store.extent()
    const within = await gateway.api(`/events?after=${backedUpAtLeast}&limit=1`)
    expect(within.status).toBe(200)
    // Handed out before, of events that are gone: never skipped in silence, nor taken for others.
    const gone = await gateway.api(`/events?after=${beyond}`)
    expect(gone.status).toBe(410)
    const from = Number(/read on from (\d+)/.exec(gone.text)![1])
    const known = (await gateway.events()).length
    await send()
    const next = await gateway.api(`/events?after=${from}`)
    expect((next.json as { items: { sequence: string }[] }).items.map(({ sequence }) => Number(sequence))).toEqual([
      head + 1,
    ])
    expect((await gateway.events()).length).toBe(known + 1)
    // Who had read all is not behind by what nobody ever wrote.
    const { json } = await gateway.api('/subscriptions/none')
    expect((json as { lag: number }).lag).toBeLessThan(1_000)
  })

  test('that is damaged, another file or a newer version is refused, and nothing is changed', async () => {
    const target = join(folder, 'kept.db')
    await (await openSqliteStore(target)).close()
    const before = readFileSync(target)
    const damaged = join(folder, 'damaged.db')
    cpSync(file, damaged)
    const bytes = readFileSync(damaged)
    bytes.fill(0xff, 8192, 8192 * 4)
    writeFileSync(damaged, bytes)
    const text = join(folder, 'text.txt')
    writeFileSync(text, 'no database')
    const newer = join(folder, 'newer.db')
    cpSync(file, newer)
    new Sqlite(newer).exec("insert into kysely_migration values ('999-later', '2030-01-01')").close()
    const ended = await Promise.all(
      [damaged, text, newer, join(folder, 'nothing.db')].map((from, index) => {
        const own = join(folder, `kept-${index}.db`)
        cpSync(target, own)
        return postern(['restore', from], own).then(ran => ({ ...ran, same: readFileSync(own).equals(before) }))
      }),
    )
    expect(ended.map(({ code, same }) => [code, same])).toEqual([1, 1, 1, 3].map(code => [code, true]))
    for (const [index, from] of [damaged, text].entries()) expect(ended[index]!.stderr).toContain(`${from} is `)
    expect(ended.map(({ stderr }) => /damaged|no inbox|newer version|there is no file/i.exec(stderr)?.[0])).toEqual([
      expect.stringMatching(/damaged|no inbox/),
      'no inbox',
      'newer version',
      'There is no file',
    ])
  })
})

test('migrate says what it would do, makes it so, and then has nothing to do', async () => {
  const target = join(folder, 'migrated.db')
  const would = await postern(['migrate', '--dry-run'], target)
  expect(would.stdout).toMatch(/^would apply {2}001-inbox$/m)
  expect(existsSync(target)).toBe(false)
  expect((await postern(['migrate'], target)).stdout).toMatch(/^applied {2}001-inbox$/m)
  expect(await postern(['migrate', '--json'], target)).toMatchObject({
    code: 0,
    stdout: '{"migrations":[],"done":true}\n',
  })
  expect((await eventsOf(target)).length).toBe(0)
  expect(await postern(['migrate'])).toMatchObject({ code: 1, stderr: expect.stringContaining('nother process') })
})

test('vacuum gives room back, and not while a gateway runs', async () => {
  const target = join(folder, 'vacuumed.db')
  cpSync(join(folder, 'backup.db'), target)
  new Sqlite(target).exec('delete from requests; delete from events').close()
  const { code, stdout } = await postern(['vacuum', '--json'], target)
  expect(code).toBe(0)
  const { bytesBefore, bytesAfter } = JSON.parse(stdout) as Record<string, number>
  expect(bytesAfter).toBeLessThan(bytesBefore!)
  expect(await postern(['vacuum'])).toMatchObject({ code: 1, stderr: expect.stringContaining('nother process') })
})

test('for PostgreSQL they say what to run instead, without its password', async () => {
  const env = { POSTERN_DATABASE: 'postgres://postern:hunter2@127.0.0.1:1/inbox' }
  const [backup, restore, vacuum, migrate] = await Promise.all(
    [['backup', 'x'], ['restore', 'x'], ['vacuum'], ['migrate']].map(args => runCommand(args, { env })),
  )
  expect(backup).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('pg_dump -h 127.0.0.1 -p 1 -U postern -d inbox'),
  })
  expect(restore).toMatchObject({ code: 1, stderr: expect.stringContaining('pg_restore') })
  expect(vacuum).toMatchObject({ code: 1, stderr: expect.stringContaining('autovacuum') })
  expect(migrate).toMatchObject({ code: 4, stderr: expect.stringContaining('ECONNREFUSED') })
  for (const { stderr } of [backup!, restore!, vacuum!, migrate!]) expect(stderr).not.toContain('hunter2')
})
