// `postern init`: a configuration to start from, for who has installed the package. It overwrites nothing.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Define, does, examples, exit, Failure } from './command.ts'
import { print } from './listing.ts'
import { packageFile, packageVersion } from './package.ts'
import { plainText } from './text.ts'

const configNames = ['postern.config.ts', 'postern.config.js', 'postern.config.mjs']
/** What is made where one develops, secrets among it, is nobody's to commit. */
const ignored = ['data/', 'node_modules/']

export const init: Define = command => {
  command
    .description(
      'Writes postern.config.ts, one source for each vendor, to cut down to those that you have; package.json and ' +
        '.gitignore where there are none. It overwrites nothing.',
    )
    .argument('[folder]', 'made where it is not there; default the current one')
  does(command, async (folder: string = '.') => {
    const at = resolve(folder)
    makeFolder(at)
    const there = configNames.find(name => existsSync(join(at, name)))
    if (there !== undefined) throw new Failure(exit.mistaken, `${there} is there already: nothing was written.`)
    const written: string[] = []
    const hasPackage = existsSync(join(at, 'package.json'))
    // The one that may fail for a name that somebody takes meanwhile is the first.
    write(at, 'postern.config.ts', readFileSync(packageFile('postern.config.ts'), 'utf8'), written)
    if (!hasPackage) write(at, 'package.json', packageJson(at), written)
    ignore(at, written)
    for (const name of written) await print(`${name}\n`)
    process.stderr.write(nextSteps(folder, at))
    return exit.done
  })
  examples(command, ['npx postern init', 'npx postern init inbox'])
}

/** Secrets will lie in it, so a new one is its owner's alone. */
function makeFolder(at: string): void {
  if (existsSync(at)) return
  try {
    mkdirSync(at, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new Failure(exit.mistaken, plainText(`The folder ${at} cannot be made: ${(error as Error).message}`))
  }
}

function write(at: string, name: string, text: string, written: string[]): void {
  try {
    writeFileSync(join(at, name), text, { flag: 'wx' })
    written.push(name)
  } catch (error) {
    throw new Failure(exit.mistaken, `${name} cannot be written: ${(error as Error).message}`)
  }
}

function packageJson(at: string): string {
  const name =
    basename(at)
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '') || 'inbox'
  const content = {
    name: name === 'postern' ? 'inbox' : name,
    private: true,
    type: 'module',
    scripts: { start: 'postern', doctor: 'postern doctor' },
    dependencies: { postern: `file:${tarball()}` },
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** Adds what is missing to one that is there. */
function ignore(at: string, written: string[]): void {
  const path = join(at, '.gitignore')
  if (!existsSync(path)) {
    write(at, '.gitignore', `${ignored.join('\n')}\n`, written)
    return
  }
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n').map(line => line.trim().replace(/^\/|\/$/g, ''))
  const missing = ignored.filter(each => !lines.includes(each.replace(/\/$/, '')))
  if (missing.length === 0) return
  appendFileSync(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${missing.join('\n')}\n`)
  written.push('.gitignore')
}

/** What `npm pack` makes. */
function tarball(): string {
  return `postern-${packageVersion()}.tgz`
}

/** How the package comes to the folder, unless it is there already. */
function installing(at: string): string[] {
  if (existsSync(join(at, 'node_modules', 'postern'))) return []
  const clone = dirname(packageFile('package.json'))
  // An installation has nothing that it could be packed of.
  if (!existsSync(join(clone, 'src'))) return [`npm install …/${tarball()}   # as \`npm pack\` makes it in a clone`]
  return [`npm pack '${plainText(clone)}'`, `npm install ./${tarball()}`]
}

function nextSteps(folder: string, at: string): string {
  const steps = [
    ...(folder === '.' ? [] : [`cd ${plainText(folder)}`]),
    ...installing(at),
    'npx postern               # starts it, and prints what to enter at each vendor',
    'npx postern send --list   # in another terminal: what to try it with',
    'npx postern doctor        # what is missing for production',
  ]
  return `\nNext:\n${steps.map(step => `  ${step}\n`).join('')}`
}
