// `postern init` and `postern doctor` as processes: a folder to start in, and each thing that can be found wrong.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { jsonLines, runCommand } from '../support/command.ts'
import { startProcess } from '../support/process.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-doctor-'))
/** Says that it is two hours ago. */
let late: Server
let lateUrl: string

interface Finding {
  state: string
  about: string
  text: string
  advice?: string
}

async function examined(env: Record<string, string>, ...args: string[]) {
  const ran = await runCommand(['doctor', '--json', ...args], { cwd: folder, env })
  return { code: ran.code, findings: jsonLines<Finding>(ran) }
}
const found = ({ findings }: { findings: Finding[] }, about: string) => findings.filter(each => each.about === about)

beforeAll(async () => {
  late = createServer((_, response) => {
    response.setHeader('date', new Date(Date.now() - 7_200_000).toUTCString())
    response.end('{}')
  })
  await new Promise<void>(resolve => late.listen(0, '127.0.0.1', resolve))
  lateUrl = `http://127.0.0.1:${(late.address() as AddressInfo).port}`
})
afterAll(() => {
  late.close()
  rmSync(folder, { recursive: true, force: true })
})

test('init writes what a start needs, says what comes next, and overwrites nothing', async () => {
  const at = join(folder, 'inbox')
  mkdirSync(at)
  writeFileSync(join(at, '.gitignore'), '*.log')
  const done = await runCommand(['init'], { cwd: at })
  expect(done).toMatchObject({ code: 0, stdout: 'postern.config.ts\npackage.json\n.gitignore\n' })
  expect(done.stderr).toContain(`npm pack '${dirname(dirname(import.meta.dirname))}'`)
  expect(done.stderr).toMatch(/npm install \.\/postern-\d+\.\d+\.\d+\.tgz\n +npx postern /)
  expect(JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'))).toMatchObject({
    type: 'module',
    dependencies: { postern: expect.any(String) },
  })
  expect(readFileSync(join(at, '.gitignore'), 'utf8')).toBe('*.log\ndata/\nnode_modules/\n')
  const again = await runCommand(['init', at])
  expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('is there already') })
  const made = join(folder, 'made')
  expect(await runCommand(['init', made])).toMatchObject({ code: 0, stdout: done.stdout })
  expect(statSync(made).mode & 0o777).toBe(0o700)
  expect(await runCommand(['init', join(at, 'package.json', 'inbox')])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot be made'),
  })

  const before = await runCommand(['doctor', '--json'], { cwd: at, env: { PORT: '9' } })
  expect(before.code).toBe(0)
  expect(jsonLines<Finding>(before).filter(({ state }) => state === 'wrong')).toEqual([])
  // What it has written starts, and is found to be well.
  const gateway = await startProcess({ cwd: at })
  try {
    const env = { PORT: new URL(gateway.url).port }
    const after = await runCommand(['doctor'], { cwd: at, env })
    expect(after).toMatchObject({ code: 0, stderr: '' })
    expect(after.stdout).toMatch(/^ok +gateway +it answers at .* and is ready$/m)
    expect(after.stdout).toMatch(/^ok +secrets/m)
    expect(after.stdout).toContain('a gateway has it open')
    // With its write-ahead log, where all of it still is.
    expect(after.stdout).toMatch(/^ok +database .* [\d.]{3,} kB, a gateway/m)
    // The inbox and all beside it are read by nobody else.
    const data = join(at, 'data')
    expect(statSync(data).mode & 0o777).toBe(0o700)
    const open = readdirSync(data).filter(name => (statSync(join(data, name)).mode & 0o777) !== 0o600)
    expect({ open, all: readdirSync(data) }).toMatchObject({
      open: [],
      all: expect.arrayContaining(['postern.db-wal']),
    })
  } finally {
    await gateway.stop()
  }
})

describe('what is wrong is found', () => {
  const config = (text: string) => {
    const path = join(folder, `${Math.random()}.config.ts`)
    const lines = [
      "import { apiKey, defineConfig, ipAllowlist, unverified } from 'postern'",
      "import { generic } from 'postern/adapters'",
    ]
    writeFileSync(
      path,
      `${lines.join('\n')}\nconst check = apiKey({ header: 'x-key', key: 'a key of this test' })\n${text}\n`,
    )
    return path
  }
  const source = (check = 'check') => `{ acme: generic({ vendor: 'acme', check: ${check}, id: 'id', type: 'type' }) }`
  const settings = { POSTERN_DATABASE: `sqlite:${join(folder, 'some.db')}`, PORT: '9' }

  test('in the settings and in the configuration: all of it at once', async () => {
    const path = config("export default defineConfig({ publicUrl: 'nonsense', retentionDays: -1, sources: {} })")
    const [both, one] = await Promise.all([
      examined({ POSTERN_CONFIG: path, PORT: 'x', LOG_LEVEL: 'loud' }),
      examined({ ...settings, POSTERN_CONFIG: path }),
    ])
    expect(both.code).toBe(1)
    expect(found(both, 'settings').map(({ text }) => text.split(':')[0])).toEqual(['PORT', 'LOG_LEVEL'])
    expect(one.code).toBe(1)
    expect(found(one, 'configuration').map(({ text }) => text)).toEqual([
      expect.stringContaining('publicUrl'),
      expect.stringContaining('retentionDays'),
    ])
  })

  test('outside of development: secrets, token, key, URL, checks and proxies', async () => {
    const path = config(`import { secret } from 'postern'
      export default defineConfig({ publicUrl: 'http://localhost:8080', trustProxy: ['0.0.0.0/0'], sources: {
        ...${source("apiKey({ header: 'x-key', key: secret('ACME_KEY') })")},
        open: generic({ vendor: 'open', check: unverified('a test'), id: 'id', type: 'type' }),
        near: generic({ vendor: 'near', check: ipAllowlist(['10.0.0.0/8']), id: 'id', type: 'type' }) } })`)
    const wrong = await examined({
      ...settings,
      NODE_ENV: 'production',
      POSTERN_ADMIN_TOKEN: 'short',
      POSTERN_CONFIG: path,
    })
    expect(wrong.code).toBe(1)
    const states = (about: string) => found(wrong, about).map(({ state }) => state)
    expect(found(wrong, 'secrets')).toMatchObject([
      { state: 'wrong', advice: expect.stringContaining('ACME_KEY_FILE') },
    ])
    expect(found(wrong, 'token')).toMatchObject([{ text: expect.stringContaining('guessed') }, { state: 'warn' }])
    expect([states('public URL')[0], states('checks'), states('proxies')]).toEqual([
      'wrong',
      ['warn', 'warn'],
      ['wrong'],
    ])
    for (const { state, advice } of wrong.findings) expect(state === 'ok' || advice !== undefined).toBe(true)
  })

  test('of the proxies, where an address is checked behind one that is not named', async () => {
    const path = config(
      `export default defineConfig({ publicUrl: 'https://hooks.invalid', sources: ${source("ipAllowlist(['10.0.0.0/8'])")} })`,
    )
    const wrong = await examined({ ...settings, POSTERN_CONFIG: path })
    expect(found(wrong, 'proxies')).toMatchObject([{ state: 'wrong', advice: expect.stringContaining('trustProxy') }])
    // Nothing runs here either, which is told as the cause.
    expect(found(wrong, 'public URL')).toMatchObject([
      { state: 'warn', text: expect.stringContaining('hooks.invalid') },
    ])
    expect(found(wrong, 'gateway')).toMatchObject([{ state: 'warn', advice: 'start it: postern start' }])
  })

  test('of the database: another file, an older and a newer version, and a folder that takes nothing', async () => {
    const path = config(`export default defineConfig({ sources: ${source()} })`)
    const plain = join(folder, 'plain.txt')
    writeFileSync(plain, 'no database')
    const [older, newer] = [join(folder, 'older.db'), join(folder, 'newer.db')]
    for (const each of [older, newer]) await (await openSqliteStore(each)).close()
    new Sqlite(older).exec("delete from kysely_migration where name > '002'").close()
    new Sqlite(newer).exec("insert into kysely_migration values ('999-later', '2030-01-01')").close()
    const [first, second, third, fourth] = await Promise.all(
      [plain, older, newer, '/proc/inbox/postern.db'].map(each =>
        examined({ ...settings, POSTERN_CONFIG: path, POSTERN_DATABASE: `sqlite:${each}` }),
      ),
    )
    expect(found(first!, 'database')[0]).toMatchObject({ state: 'wrong', text: expect.stringContaining('no inbox') })
    expect(found(second!, 'database')[0]).toMatchObject({
      state: 'warn',
      advice: expect.stringContaining('postern migrate'),
    })
    expect(found(third!, 'database')[0]).toMatchObject({
      state: 'wrong',
      text: expect.stringContaining('newer version'),
    })
    expect(found(fourth!, 'database')[0]).toMatchObject({
      state: 'wrong',
      text: expect.stringContaining('cannot be written'),
    })
    expect([first, second, third, fourth].map(each => each!.code)).toEqual([1, 0, 1, 1])
  })

  test('of rights: what every user of the machine can read, in a folder that lets them pass', async () => {
    const path = config(`export default defineConfig({ sources: ${source()} })`)
    const open = join(folder, 'open')
    mkdirSync(open)
    const inbox = join(open, 'postern.db')
    await (await openSqliteStore(inbox)).close()
    writeFileSync(join(open, 'secrets.json'), '{}')
    for (const name of ['postern.db', 'secrets.json']) chmodSync(join(open, name), 0o644)
    for (const each of [folder, open]) chmodSync(each, 0o755)
    const look = async () =>
      found(await examined({ ...settings, POSTERN_CONFIG: path, POSTERN_DATABASE: `sqlite:${inbox}` }), 'rights')
    const wide = await look()
    const named = wide.map(({ state, text }) => [state, text.split(' ')[0]])
    expect(named).toEqual(expect.arrayContaining([inbox, join(open, 'secrets.json')].map(each => ['warn', each])))
    expect(wide[0]!.advice).toBe(`chmod 600 '${inbox}'`)
    chmodSync(folder, 0o700)
    expect(await look()).toEqual([])
  })

  test('of PostgreSQL and its spool, without a password', async () => {
    const path = config(`export default defineConfig({ sources: ${source()} })`)
    const env = { POSTERN_CONFIG: path, PORT: '9', POSTERN_DATABASE: 'postgres://postern:hunter2@127.0.0.1:9/inbox' }
    const [bare, spooled] = await Promise.all([
      examined(env),
      examined({ ...env, POSTERN_SPOOL: '/dev/shm/postern/spool.db' }),
    ])
    expect(bare.code).toBe(1)
    expect(found(bare, 'database')[0]).toMatchObject({
      state: 'wrong',
      text: expect.stringContaining('does not answer'),
    })
    expect(JSON.stringify(bare)).not.toContain('hunter2')
    expect(found(bare, 'spool')).toMatchObject([{ state: 'warn', advice: expect.stringContaining('POSTERN_SPOOL') }])
    expect(found(spooled, 'spool')).toMatchObject([{ state: 'wrong', text: expect.stringContaining('tmpfs') }])
  })

  test('of the clock, and of what answers in the place of a gateway', async () => {
    const path = config(`export default defineConfig({ publicUrl: '${lateUrl}', sources: ${source()} })`)
    const { port } = new URL(lateUrl)
    const wrong = await examined({ ...settings, PORT: port, POSTERN_CONFIG: path }, '--time-url', lateUrl)
    expect(wrong.code).toBe(1)
    expect(found(wrong, 'clock')).toMatchObject([
      { state: 'wrong', text: expect.stringMatching(/^it is 7\d\d\d s off/) },
    ])
    expect(found(wrong, 'gateway')).toMatchObject([
      { state: 'warn', text: expect.stringContaining('something else does') },
    ])
    const away = await examined({ ...settings, POSTERN_CONFIG: path }, '--time-url', 'http://127.0.0.1:9')
    expect(found(away, 'clock')).toMatchObject([{ state: 'warn' }])
  })

  test('and nothing is made by looking', () => {
    chmodSync(folder, 0o700)
    expect(existsSync(join(folder, 'some.db'))).toBe(false)
    expect(existsSync(join(folder, 'data'))).toBe(false)
  })
})
