// This package as it lies on the disk: its version, and what it comes with.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The path of a file of the package, in a clone and below `dist` alike. */
export function packageFile(name: string): string {
  const paths = ['../../', '../../../'].map(up => fileURLToPath(new URL(`${up}${name}`, import.meta.url)))
  return paths.find(path => existsSync(path)) ?? paths[0]!
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version
}
