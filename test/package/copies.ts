// The project as others get it: a clone that nobody has built, and the package that is made of it, installed by npm.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

const root = dirname(dirname(import.meta.dirname))
const notCloned = new Set(['node_modules', 'dist', 'data', 'coverage', '.git'])
const execute = promisify(execFile)

/** A folder for one test file; its name has a space, as users' folders do. */
export function workshop(): { path: string; remove(): void } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'postern package-')))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** What `git clone` and `npm ci` would leave in `folder`: the sources and the dependencies, and nothing built. */
export function clone(folder: string): string {
  cpSync(root, folder, { recursive: true, filter: path => !notCloned.has(relative(root, path)) })
  symlinkSync(realpathSync(join(root, 'node_modules')), join(folder, 'node_modules'), 'junction')
  return folder
}

/** The path of the tarball that `npm pack` makes, which builds first. */
export async function pack(cloned: string): Promise<string> {
  const { stdout } = await npm(cloned, ['pack', '--json', '--silent'])
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as [{ filename: string }]
  return join(cloned, packed.filename)
}

/** Installs it as the only dependency of `folder`, which is made where it is not there. */
export async function install(folder: string, tarball: string, args: readonly string[] = []): Promise<void> {
  mkdirSync(folder, { recursive: true })
  // Without the prefix npm would install into a folder above that has a package.json or node_modules.
  await npm(folder, ['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', ...args, tarball])
}

function npm(cwd: string, args: readonly string[]) {
  // Run by npm, the tests have its variables about this project around them.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle)_/.test(name)),
  )
  return execute('npm', args, { cwd, env, maxBuffer: 64 * 1024 * 1024 })
}
