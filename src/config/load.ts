// Loading a configuration file from wherever it lies: `postern` and `postern/*` mean the running copy, built or not, and
// a `.ts` file is a module whatever the package.json around it says.
import { existsSync, realpathSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'

const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const ours = fileURLToPath(new URL('..', import.meta.url))
const running = (path: string) => new URL(`../../${path}.${ending}`, import.meta.url).href
const names = new Map([
  ['postern', running('src/index')],
  ['postern/adapters', running('adapters/index')],
  ['postern/events', running('src/event')],
  ['postern/client', running('src/client/client')],
  ['postern/testing', running('src/testing')],
])

/**
 * The configuration at `path`; without one, `postern.config.ts` (or `.js`, `.mjs`) in `folder`, or the one that Postern
 * comes with. Throws ConfigError.
 */
export async function loadConfig(path: string | undefined, folder: string): Promise<{ config: Config; path: string }> {
  const file = path === undefined ? defaultFile(folder) : resolve(folder, path)
  if (!existsSync(file)) throw new ConfigError([`POSTERN_CONFIG: there is no file ${file}`])
  const hooks = nameOurselves(file)
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: Config }
    if (module.default === undefined) throw new ConfigError([`${file}: expected \`export default defineConfig({…})\``])
    return { config: module.default, path: file }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError([
      `${placeOf(error, dirname(realpathSync(file))) ?? file}: ${error instanceof Error ? error.message : String(error)}`,
    ])
  } finally {
    hooks.deregister()
  }
}

/**
 * The file and line in `folder` that an error comes from, where it says so: its message often names neither, and the
 * file may be one that another imports.
 */
export function placeOf(error: unknown, folder: string): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const [, given = ''] of stack.matchAll(/((?:file:\/\/)?\/[^\s()]+?\.[cm]?[jt]s:\d+)/g)) {
    const place = given.replace(/^file:\/\//, '')
    if (place.startsWith(`${folder}/`) && !place.startsWith(ours) && !place.includes('/node_modules/')) return place
  }
  return undefined
}

/** From now on `postern` means the running copy in this thread, and `.ts` files beside the configuration are modules. */
export function nameOurselves(file: string): ReturnType<typeof registerHooks> {
  // Node asks the hooks about real paths.
  const home = `${pathToFileURL(dirname(realpathSync(file))).href}/`
  return registerHooks({
    resolve: (specifier, context, next) => {
      const url = names.get(specifier)
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
    },
    load: (url, context, next) =>
      url.startsWith(home) && !url.includes('/node_modules/') && /\.ts($|\?)/.test(url)
        ? next(url, { ...context, format: 'module-typescript' })
        : next(url, context),
  })
}

function defaultFile(folder: string): string {
  for (const name of ['postern.config.ts', 'postern.config.js', 'postern.config.mjs']) {
    const file = resolve(folder, name)
    if (existsSync(file)) return file
  }
  return fileURLToPath(new URL(`../../postern.config.${ending}`, import.meta.url))
}
