// Postern runs from a clone that nobody has built and from an installation, whatever folder it is started in and
// wherever its configuration lies: with the real tarball, real processes, and the requests that it prints. What it has for
// other programs works in them.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GatewayProcess, runProcess, startProcess } from '../support/process.ts'
import { consumer, loadedFrom, typedConsumer } from './consumers.ts'
import { clone, install, pack, workshop } from './copies.ts'
import { tryOut } from './newcomer.ts'
import { findOldNode } from './old-node.ts'

const { path: folder, remove } = workshop()
const cloned = join(folder, 'clone')
const empty = join(folder, 'empty')
const commonJs = join(folder, 'commonjs')
/** Nothing above it has dependencies. */
const elsewhere = join(folder, 'elsewhere')
const inClone = join(cloned, 'bin/postern.js')
const at = (...path: string[]) => join(empty, 'node_modules/postern', ...path)
const installed = (where: string) => join(where, 'node_modules/.bin/postern')

const starterVendors = ['banclo', 'embarc', 'ballerine', 'arix', 'receeve']
// Types to strip, both of our names, and a file beside it.
const config = `import { basic, type Config, defineConfig, secret } from 'postern'
import { arix, banclo } from 'postern/adapters'
import { catalogueTypes } from 'postern/events'
import { partner } from './partner.ts'

if (!catalogueTypes.includes('loan.created')) throw new Error('no catalogue')
const config: Config = defineConfig({
  sources: {
    bank: arix({ partner, check: basic({ username: 'arix', password: secret('BANK_PASSWORD') }) }),
    loans: banclo({ check: banclo.signature({ secret: secret('LOANS_SECRET'), covers: 'data' }) }),
  },
})
export default config
`
const configVendors = ['arix', 'banclo']

function writeConfig(where: string): string {
  const path = join(where, 'postern.config.ts')
  writeFileSync(join(where, 'partner.ts'), "export const partner: string = 'TST'\n")
  writeFileSync(path, config)
  return path
}

/** Where it keeps its database is where it was started. */
function start(bin: string, cwd: string, env: Record<string, string> = {}): Promise<GatewayProcess> {
  return startProcess({ bin, cwd, env })
}

function configOf(gateway: GatewayProcess): string {
  const line = gateway
    .output()
    .split('\n')
    .find(text => text.includes('"msg":"ready"'))
  return JSON.parse(line!).config
}

beforeAll(async () => {
  clone(cloned)
  const tarball = await pack(clone(join(folder, 'packed')))
  mkdirSync(elsewhere)
  writeConfig(elsewhere)
  mkdirSync(commonJs)
  writeFileSync(join(commonJs, 'package.json'), '{ "name": "app", "type": "commonjs" }\n')
  writeConfig(commonJs)
  await install(empty, tarball)
  // The Node that comes along is the same 190 MB again.
  await install(commonJs, tarball, ['--omit=optional'])
})
afterAll(remove)

describe('a newcomer posts what was printed and reads it back', () => {
  test('from an unbuilt clone', async () => {
    const gateway = await start(inClone, cloned)
    expect(configOf(gateway)).toBe(join(cloned, 'postern.config.ts'))
    await tryOut(gateway, starterVendors)
  })

  test('installed in an empty folder, with the configuration that comes with it', async () => {
    const gateway = await start(installed(empty), empty)
    expect(configOf(gateway)).toBe(join(empty, 'node_modules/postern/dist/postern.config.js'))
    await tryOut(gateway, starterVendors)
  })

  test('installed in a CommonJS folder, with a configuration in TypeScript', async () => {
    const gateway = await start(installed(commonJs), commonJs)
    expect(configOf(gateway)).toBe(join(commonJs, 'postern.config.ts'))
    await tryOut(gateway, configVendors)
  })

  test.each([
    ['an unbuilt clone', inClone],
    ['an installation', installed(empty)],
  ])('by %s, with the configuration elsewhere', async (name, bin) => {
    const cwd = join(folder, `started by ${name}`)
    mkdirSync(cwd)
    const path = join(elsewhere, 'postern.config.ts')
    const gateway = await start(bin, cwd, { POSTERN_CONFIG: path })
    expect(configOf(gateway)).toBe(path)
    await tryOut(gateway, configVendors)
  })
})

test('a configuration is found through a link into a CommonJS folder', async () => {
  const link = join(folder, 'link')
  symlinkSync(commonJs, link)
  const gateway = await start(inClone, elsewhere, { POSTERN_CONFIG: join(link, 'postern.config.ts') })
  await tryOut(gateway, configVendors)
})

test('an installation writes a configuration to start from, which it starts with', async () => {
  const cwd = join(folder, 'begun')
  mkdirSync(cwd)
  const begun = await runProcess({ bin: installed(empty), cwd, args: ['init'] })
  expect(begun).toMatchObject({ code: 0, output: expect.stringContaining('postern.config.ts') })
  expect(begun.output).toMatch(/npm install …\/postern-\d+\.\d+\.\d+\.tgz/)
  const gateway = await start(installed(empty), cwd)
  expect(configOf(gateway)).toBe(join(cwd, 'postern.config.ts'))
})

describe('a mistake in the configuration', () => {
  test.each([
    ['an unbuilt clone', inClone],
    ['an installation', installed(empty)],
  ])('is told by %s in one message that names the file, and no stack', async (_, bin) => {
    const path = join(elsewhere, 'wrong.config.ts')
    writeFileSync(path, "import { nothing } from 'postern'\nexport default nothing\n")
    const { code, output } = await runProcess({ bin, cwd: elsewhere, env: { POSTERN_CONFIG: path } })
    expect(code).toBe(1)
    expect(output).toContain(path)
    expect(output).toContain("'nothing'")
    expect(output).not.toMatch(/^\s+at /m)
  })
})

const old = findOldNode()
describe.skipIf(old === undefined)(`an older Node (${old?.version ?? 'there is none here'})`, () => {
  test.each([
    ['a clone', inClone],
    ['an installation', installed(empty)],
  ])('is told what it lacks by %s', async (_, bin) => {
    const { code, signal, output } = await runProcess({ bin, cwd: elsewhere, node: old!.path })
    expect({ code, signal }).toEqual({ code: 1, signal: null })
    expect(output).toContain(`Postern needs Node 24 or later, and this is Node ${old!.version}.`)
  })
})

describe('the package', () => {
  test('has every file that it says it has', () => {
    const { bin, exports, files } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
    const named = Object.values(exports).flatMap(target =>
      typeof target === 'string' ? target : Object.values(target!),
    )
    for (const path of [...named, ...Object.values(bin)]) expect(() => readFileSync(at(path as string))).not.toThrow()
    expect(files).toContain('dist')
    expect(readFileSync(at('LICENSE'), 'utf8')).toContain('Apache License')
  })
})

/** Types and schemas alone, and a client: on any Node that is still supported, and the client in browsers. */
describe('for other programs', () => {
  const startOf = (name: string) => {
    const { exports } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
    return at(exports[name].default)
  }

  test('postern/client loads itself and openapi-fetch, and nothing of Node', () => {
    const start = startOf('./client')
    const own = ['client', 'follow', 'problem', 'server-sent-events'].map(name => join(dirname(start), `${name}.js`))
    expect([...loadedFrom(start)].toSorted()).toEqual([...own, 'openapi-fetch'].toSorted())
    for (const file of own) expect(readFileSync(file, 'utf8')).not.toMatch(/\b(Buffer|process|require)\b/)
  })

  test('postern/events loads itself and zod', () => {
    const start = startOf('./events')
    expect([...loadedFrom(start)]).toEqual([start, 'zod', join(dirname(start), 'event-types.js')])
    // The same search finds what the whole of Postern loads.
    expect([...loadedFrom(startOf('.'))]).toContain('node:crypto')
  })

  test.for([
    { name: 'this Node', node: process.execPath },
    { name: `Node ${old?.version ?? 'that is older: there is none here'}`, node: old?.path },
  ])('both work under $name', ({ node }, { skip }) => {
    skip(node === undefined, 'no other Node is installed')
    const script = join(empty, 'consumer.mjs')
    writeFileSync(script, consumer)
    const output = execFileSync(node!, [script], { encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual([
      true,
      false,
      false,
      'urn:postern:schema:loan.status_changed:1',
      'loan.status_changed',
      ['a', 'b'],
      'not_found',
    ])
  })

  test('their types, and those of the other two, are checked where they are used', () => {
    writeFileSync(join(empty, 'consumer.mts'), typedConsumer)
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
    const how = '--noEmit --strict --skipLibCheck --module nodenext --target esnext --lib esnext,dom --types'.split(' ')
    const { stdout } = spawnSync(process.execPath, [tsc, ...how, '', 'consumer.mts'], { cwd: empty, encoding: 'utf8' })
    expect(stdout).toBe('')
  })
})
