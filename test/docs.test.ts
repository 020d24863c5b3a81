// The documents say what is so: their TypeScript type-checks and their configurations start a gateway, their JSON
// parses, their links lead somewhere, and the API's page names the routes and parameters that there are.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditActions } from '../src/api/audit-actions.ts'
import { root as apiRoot, type InboxParts, inboxRoutes } from '../src/api/inbox.ts'
import { deliveryListParameters, eventListParameters, pageParameters } from '../src/api/parameters.ts'
import { problemForm } from '../src/api/problem.ts'
import { routingPath } from '../src/api/route.ts'
import { timelineParameters } from '../src/api/timeline.ts'
import { commandNames, programWith } from '../src/cli/commands.ts'
import { loadConfig } from '../src/config/load.ts'
import { readSettings } from '../src/config/settings.ts'
import { errorStatus } from '../src/errors.ts'
import { type CatalogueType, catalogue } from '../src/event.ts'
import { startGateway } from '../src/gateway.ts'
import { openLog } from '../src/observe/log.ts'
import { keys } from './contract/fixture.ts'

const root = dirname(import.meta.dirname)
const documents = [
  ...readdirSync(root).filter(name => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
]
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Block {
  /** `docs/checks.md:35`. */
  place: string
  language: string
  text: string
}

const blocks: Block[] = documents.flatMap(path =>
  [...read(path).matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(match => {
    const line = read(path).slice(0, match.index).split('\n').length
    return { place: `${path}:${line}`, language: match[2] ?? '', text: match[3] ?? '' }
  }),
)
const blocksIn = (language: string) => blocks.filter(block => block.language === language)
const isConfig = ({ text }: Block) => text.includes('export default defineConfig')

test('there is something to check', () => {
  expect(documents.length).toBeGreaterThan(10)
  expect(blocksIn('ts').filter(isConfig).length).toBeGreaterThan(7)
  expect(blocksIn('json').length).toBeGreaterThan(2)
})

describe('TypeScript', () => {
  const silent = openLog({ level: 'info', write: () => {} })
  let folder: string
  const fileOf = ({ place }: Block) => join(folder, `${place.replaceAll(/[^\w]/g, '_')}.ts`)
  beforeAll(() => {
    // Within the project, so that it finds what we depend on; git and the linter do not look there.
    mkdirSync(join(root, 'data'), { recursive: true })
    folder = mkdtempSync(join(root, 'data', 'docs-'))
    for (const block of blocksIn('ts')) writeFileSync(fileOf(block), block.text)
    const config = { extends: relative(folder, join(root, 'tsconfig.json')), include: ['*.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('type-checks', () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  }, 120_000)

  test.each(blocksIn('ts').filter(isConfig))(
    '$place starts a gateway',
    async block => {
      const names = [...block.text.matchAll(/secret\('(\w+)'\)/g)].map(([, name]) => name!)
      const data = mkdtempSync(join(tmpdir(), 'postern-docs-'))
      const env = {
        ...Object.fromEntries(names.map(name => [name, secretFor(name, block)])),
        PORT: '0',
        POSTERN_DATABASE: `sqlite:${join(data, 'postern.db')}`,
        POSTERN_ADMIN_TOKEN: 'a-token-of-the-documents',
        // So that a secret that is not set stops the start.
        NODE_ENV: 'production',
      }
      try {
        const { config, path } = await loadConfig(fileOf(block), folder)
        const gateway = await startGateway({ settings: readSettings(env), config, configPath: path, env, log: silent })
        await gateway.close()
      } finally {
        rmSync(data, { recursive: true, force: true })
      }
    },
    60_000,
  )
})

/** Something that the check which uses the secret can work with. */
function secretFor(name: string, { text }: Block): string {
  if (name.endsWith('_URL')) return 'https://hooks.example.com/a-secret-of-the-documents'
  if (name.endsWith('PUBLIC_KEY')) return keys.receeve.publicKeyPem as string
  const isStandard = new RegExp(`(standardWebhooks\\.signature|http)\\(\\{[^}]*secret: secret\\('${name}'`).test(text)
  return isStandard ? (keys.standardWebhooks.secret as string) : 'a-secret-of-the-documents'
}

describe('JSON', () => {
  // What leaves something out says so by an ellipsis; nothing here does by now.
  test.each(blocksIn('json'))('$place parses', ({ text }) => {
    expect(() => JSON.parse(text)).not.toThrow()
  })

  test.each(blocksIn('json').filter(({ text }) => text.includes('specversion')))('$place is an event', ({ text }) => {
    const event = JSON.parse(text) as Record<string, unknown> & { type: CatalogueType }
    expect(event).toMatchObject({
      specversion: '1.0',
      id: expect.stringMatching(/^evt_[0-9a-z]{26}$/),
      datacontenttype: 'application/json',
      dataschema: `urn:postern:schema:${event.type}:1`,
      vendortype: expect.any(String),
      sequence: expect.stringMatching(/^\d{16}$/),
    })
    expect(catalogue[event.type].strict().safeParse(event.data).error).toBeUndefined()
  })
})

describe('links', () => {
  const anchorsOf = (path: string) =>
    [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )

  test.each(documents)('of %s lead somewhere', path => {
    const targets = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
    const dead = targets
      .filter(target => !/^https?:/.test(target))
      .filter(target => {
        const [file = '', anchor] = target.split('#')
        const at = file === '' ? path : relative(root, resolve(root, dirname(path), file))
        if (at.startsWith('..') || !existsSync(join(root, at))) return true
        return anchor !== undefined && !anchorsOf(at).includes(anchor)
      })
    expect(dead).toEqual([])
  })
})

describe('README.md', () => {
  test('has the two commands, to the letter', () => {
    expect(
      blocksIn('sh')
        .filter(({ place }) => place.startsWith('README.md'))
        .map(({ text }) => text),
    ).toEqual(['npm ci && npm start\n', 'npm ci && npm test\n'])
  })
})

describe('docs/api.md', () => {
  const page = read('docs/api.md')

  test('names the routes that there are, and no other', () => {
    const documented = [...page.matchAll(/`(GET|POST|PUT|DELETE) (\/[\w/:.]*)`((?:, `\/[\w/:]+`)*)/g)].flatMap(
      ([, method, path, more]) =>
        [path!, ...[...more!.matchAll(/`([^`]+)`/g)].map(([, each]) => each!)].map(each => `${method} ${each}`),
    )
    const routes = inboxRoutes({ store: {} } as InboxParts).map(({ definition }) => definition)
    expect(apiRoot).toBe('/api/v1')
    expect([...new Set(documented)].toSorted()).toEqual(
      routes.map(each => `${each.method.toUpperCase()} ${routingPath(each)}`).toSorted(),
    )
  })

  test('names every code that the API answers, with its status', () => {
    const rows = [...page.matchAll(/^\| (\d{3}) \| ([^|]+) \|/gm)]
    const documented = rows.flatMap(([, status, cell]) =>
      [...cell!.matchAll(/`(\w+)`/g)].map(([, code]) => [code!, Number(status)] as const),
    )
    expect(documented.map(([code]) => code).toSorted()).toEqual(problemForm.shape.code.options.toSorted())
    expect(errorStatus).toMatchObject(Object.fromEntries(documented))
  })

  test('names the parameters that there are, and no other', () => {
    const documented = (heading: string) => {
      const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
      const rows = section.split('| parameter |')[1]?.split('\n\n')[0] ?? ''
      const cells = [...rows.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)])
      return cells.map(([, name]) => name!).toSorted()
    }
    expect(documented('Events')).toEqual(Object.keys(eventListParameters.shape).toSorted())
    expect(documented('Timeline')).toEqual(Object.keys(timelineParameters.shape).toSorted())
    expect(documented('Deliveries')).toEqual(Object.keys(deliveryListParameters.shape).toSorted())
    expect(documented('What did not get in')).toEqual(Object.keys(pageParameters.shape).toSorted())
  })
})

describe('docs/tokens.md', () => {
  test('names the actions of the audit log that there are', () => {
    const [, section = ''] = read('docs/tokens.md').split('\n## The audit log\n')
    const documented = [...section.matchAll(/^\| `(\w+\.\w+)` \|/gm)].map(([, action]) => action)
    expect(documented).toEqual([...auditActions])
  })
})

describe('the command line', () => {
  const typed = /^\$ (?:[A-Z_]+=\S+ )*(?:npx )?postern ([^|>&#\n]+)/gm
  /** `postern …` of a document's shell, as words; what stands behind a pipe or another sign of the shell's is not its. */
  const lines = [...blocksIn('sh'), ...blocksIn('console')].flatMap(({ place, language, text }) =>
    // What is shown as it was typed has a prompt before it, and what was answered has none.
    [...text.matchAll(language === 'sh' ? /^(?:[A-Z_]+=\S+ )*(?:npx )?postern ([^|>&#\n]+)/gm : typed)].map(
      ([, line]) => [place, line!.trim()] as const,
    ),
  )
  const wordsOf = (line: string) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)

  test.each(lines)('%s: postern %s', async (_, line) => {
    const [name = '', ...words] = wordsOf(line)
    expect(commandNames).toContain(name)
    const program = await programWith(name)
    let command = program.commands.find(each => each.name() === name)!
    // Each leaf would act: here it only says what it was given.
    const leaf = command.commands.find(each => each.name() === words[0])
    if (leaf !== undefined) {
      command = leaf
      words.shift()
    }
    let acted = false
    command.action(() => {
      acted = true
    })
    await command.parseAsync(words, { from: 'user' })
    expect(acted).toBe(true)
  })

  test('has its page, which names every command, and every part of one in a line that was parsed', async () => {
    const page = read('docs/cli.md')
    for (const name of commandNames) {
      expect(page).toContain(`\`${name}\``)
      const program = await programWith(name)
      const parts = program.commands.find(each => each.name() === name)!.commands.map(each => each.name())
      const shown = lines.map(([, line]) => wordsOf(line)).filter(([first]) => first === name)
      expect({ name, missing: parts.filter(part => !shown.some(words => words[1] === part)) }).toEqual({
        name,
        missing: [],
      })
    }
  })
})
