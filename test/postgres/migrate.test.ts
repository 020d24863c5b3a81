// `postern migrate` and `postern doctor` as processes, over PostgreSQL.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { jsonLines, runCommand } from '../support/command.ts'
import { queryOnce } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-migrate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the tables are made once, and what is looked at is found to be well', async () => {
  const database = await createDatabase()
  try {
    const path = join(folder, 'postern.config.ts')
    writeFileSync(
      path,
      `import { apiKey, defineConfig } from 'postern'
      import { generic } from 'postern/adapters'
      export default defineConfig({ sources: { acme: generic({
        vendor: 'acme', check: apiKey({ header: 'x-key', key: 'a key of this test' }), id: 'id', type: 'type' }) } })`,
    )
    const env = {
      POSTERN_DATABASE: database.url,
      POSTERN_CONFIG: path,
      PORT: '9',
      POSTERN_ADMIN_TOKEN: 'a token of this test',
    }
    const postern = (...args: string[]) => runCommand(args, { env })
    const would = await postern('migrate', '--dry-run')
    expect(would).toMatchObject({ code: 0, stdout: expect.stringMatching(/^would apply {2}001-postgres$/m) })
    expect(await queryOnce(database.url, `select relname from pg_class where relname = 'events'`)).toEqual([])
    const before = await postern('doctor', '--json')
    const found = (ran: typeof before, about: string) =>
      jsonLines<{ about: string; state: string; text: string }>(ran).filter(each => each.about === about)
    expect(found(before, 'database')).toMatchObject([{ state: 'warn', text: expect.stringContaining('001-postgres') }])

    expect(await postern('migrate')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^applied {2}001-postgres$/m),
    })
    expect(await postern('migrate')).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' })
    const after = await postern('doctor', '--json')
    expect(found(after, 'database')).toMatchObject([{ state: 'ok', text: expect.stringContaining('PostgreSQL') }])
    expect(found(after, 'clock')).toMatchObject([{ state: 'ok', text: 'it agrees with that of the database' }])
  } finally {
    await database.drop()
  }
})
