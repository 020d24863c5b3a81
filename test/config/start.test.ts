// A start that is refused, as an operator sees it: what to put right, in lines and not in a stack, and the exit code 1.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProcess } from '../support/process.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-start-'))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  write('throws.ts', `import { env } from 'postern'\nexport default { publicUrl: env('NOT_SET_AT_ALL') }\n`)
  write('none.ts', 'export const config = 1\n')
  write(
    'wrong.ts',
    `import { banclo } from 'postern/adapters'
     export default { publicUrl: 'x', sources: { banclo: banclo({ timezone: 'x' } as never) } }\n`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const cases: [name: string, env: Record<string, string>, said: readonly (string | RegExp)[]][] = [
  [
    'in production without secrets and token',
    { NODE_ENV: 'production' },
    ['POSTERN_ADMIN_TOKEN', 'BANCLO_SECRET', 'EMBARC_TOKEN', 'RECEEVE_PUBLIC_KEY', 'BANCLO_SECRET_FILE'],
  ],
  [
    'where others can reach it, without secrets and token',
    { HOST: '0.0.0.0', BANCLO_SECRET: 'shown-to-nobody' },
    ['POSTERN_ADMIN_TOKEN', 'EMBARC_TOKEN'],
  ],
  [
    'with several settings wrong',
    { PORT: 'x', POSTERN_DATABASE: 'mysql://user:shown-to-nobody@host/x' },
    ['PORT: expected a port', 'POSTERN_DATABASE: expected sqlite:<path> or postgres://…, got mysql:…'],
  ],
  ['with a configuration that is not there', { POSTERN_CONFIG: 'missing.ts' }, [/POSTERN_CONFIG: .*missing\.ts/]],
  ['with one that exports nothing', { POSTERN_CONFIG: 'none.ts' }, [/none\.ts: expected `export default defineConfig/]],
  ['with one that throws', { POSTERN_CONFIG: 'throws.ts' }, [/throws\.ts:\d+: NOT_SET_AT_ALL is not set: set it/]],
  [
    'with one that is wrong in several places',
    { POSTERN_CONFIG: 'wrong.ts' },
    [
      'publicUrl: ',
      "sources.banclo.check: this source takes requests that nobody has checked. Give it a check, or say unverified('why')",
      'sources.banclo.timezone: ',
    ],
  ],
]

test.each(cases)('%s', async (_name, env, said) => {
  const ended = await runProcess({ cwd: folder, env: { PORT: '0', ...env } })
  expect([ended.code, ended.signal]).toEqual([1, null])
  expect(ended.output).toMatch(/^Postern cannot start:\n( {2}- .+\n)+$/)
  for (const text of said) expect(ended.output).toMatch(text)
  expect(ended.output).not.toContain('shown-to-nobody')
  expect(existsSync(join(folder, 'data')), 'nothing was made').toBe(false)
})
