// All of the CI in one command: types, lint and every test, side by side, as they are independent of each other. What a
// suite prints is shown when it ends; the last line adds up, a clean run of types or lint counting as one.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import PQueue from 'p-queue'

interface Count {
  passed: number
  failed: number
}

interface Suite {
  project: string
  /** Which part of its files. */
  shard?: string
}

/** Of the whole run: a suite that hangs is ended, and has failed. */
const deadline = performance.now() + 19 * 60_000
/** Vitest's projects, in the order in which they begin: the long ones first, so that the last ones end together. */
const suites: readonly Suite[] = [
  { project: 'slow' },
  { project: 'postgres' },
  { project: 'unit', shard: '1/2' },
  { project: 'unit', shard: '2/2' },
  { project: 'processes' },
  { project: 'nodes' },
]
/** More than that would be slower each, and miss their limits. */
const suitesAtOnce = 3

const root = dirname(import.meta.dirname)
const modules = join(root, 'node_modules')
const reports = mkdtempSync(join(tmpdir(), 'postern-test-'))
// What the tests start by name must be this Node too, however this script was started.
const env = { ...process.env, PATH: [join(modules, '.bin'), process.env.PATH].join(delimiter) }

function run(name: string, script: string, args: readonly string[], read = counted): Promise<Count> {
  const started = performance.now()
  const timeout = Math.max(1, Math.ceil(deadline - started))
  const child = spawn(process.execPath, [join(modules, script), ...args], { cwd: root, env, timeout })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => {
      const count = read(code === 0)
      const seconds = Math.round((performance.now() - started) / 1000)
      process.stdout.write(`── ${name}: ${count.passed} passed, ${count.failed} failed, ${seconds} s\n`)
      process.stdout.write(`${Buffer.concat(output)}\n`)
      resolve(count)
    })
  })
}

function counted(succeeded: boolean): Count {
  return succeeded ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

function vitest({ project, shard }: Suite): Promise<Count> {
  const name = shard === undefined ? project : `${project} ${shard}`
  const report = join(reports, `${name.replace(/\W/g, '-')}.json`)
  const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  if (shard !== undefined) args.push(`--shard=${shard}`)
  return run(name, 'vitest/vitest.mjs', args, succeeded => {
    const count = reported(report)
    // A file that could not be loaded, or an error outside of any test, fails the run and no test.
    if (!succeeded && count.failed === 0) count.failed = 1
    return count
  })
}

function reported(report: string): Count {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests }
  } catch {
    return { passed: 0, failed: 1 }
  }
}

const queue = new PQueue({ concurrency: suitesAtOnce })
const counts = await Promise.all([
  run('types', 'typescript/bin/tsc', ['--noEmit']),
  run('lint', '@biomejs/biome/bin/biome', ['check', '.']),
  ...suites.map(suite => queue.add(() => vitest(suite))),
])
rmSync(reports, { recursive: true, force: true })
const passed = counts.reduce((sum, count) => sum + count.passed, 0)
const failed = counts.reduce((sum, count) => sum + count.failed, 0)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
