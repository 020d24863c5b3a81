// What lists have in common: how many, as a table or as lines of JSON, and what is said of an empty one.
import { fstatSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { exit, Failure, wholeNumber } from './command.ts'
import type { GatewayApi, Query } from './gateway-api.ts'
import { assertKnown } from './known-names.ts'
import { type Column, tableOf } from './table.ts'
import { plainJson, plainText } from './text.ts'

export interface ListOptions {
  limit: number
  all?: boolean
  json?: boolean
}

const limitDefault = 50
/** The limit of a list that has no pages. */
export const whole = Number.POSITIVE_INFINITY

export function listing(command: Command): Command {
  return command
    .option('-n, --limit <count>', 'how many', wholeNumber(1), limitDefault)
    .option('--all', 'all there are')
    .option('--json', 'one line of JSON for each')
}

/** Prints the items of a list. */
export async function list<Item>(
  api: GatewayApi,
  path: string,
  query: Query,
  { limit, all, json }: ListOptions,
  columns: readonly Column<Item>[],
): Promise<typeof exit.done> {
  const items = api.items(path, query, all ? Number.MAX_SAFE_INTEGER : limit)
  let count = 0
  const shown: Item[] = []
  for await (const item of items) {
    count++
    if (json) await print(`${plainJson(item)}\n`)
    else shown.push(JSON.parse(item) as Item)
  }
  // A name; events take globs, of which one may well match nothing.
  if (count === 0 && typeof query.source === 'string') await assertKnown(api, 'source', query.source)
  if (json) return exit.done
  if (count === 0) process.stderr.write('There is nothing.\n')
  await print(tableOf(shown, columns))
  return exit.done
}

/** Resolves once it is written. Throws Failure where it cannot be; who reads no further has ended the process. */
export async function print(text: string | Uint8Array): Promise<void> {
  try {
    // Into a file the stream would write once, and take what a full disk has left out for written.
    if (isFile()) writeFileSync(process.stdout.fd, Buffer.from(text))
    else await written(text)
  } catch (error) {
    throw new Failure(exit.unfinished, `Standard output cannot be written: ${(error as Error).message}`)
  }
}

function isFile(): boolean {
  isFileKnown ??= fstatSync(process.stdout.fd).isFile()
  return isFileKnown
}
let isFileKnown: boolean | undefined

function written(text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, error => {
      if (error == null) resolve()
      else if ((error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error)
    })
  })
}

/** One document, as the gateway wrote it. */
export function printJson(text: string): Promise<void> {
  return print(`${plainJson(text)}\n`)
}

/** As they are; to a terminal as text that it cannot obey. */
export function printRaw(bytes: Buffer): Promise<void> {
  return print(process.stdout.isTTY ? `${plainText(bytes.toString(), '\n\t')}\n` : bytes)
}

/** To the second, in UTC. */
export function shownTime(time: unknown): string | undefined {
  return typeof time === 'string' ? time.replace(/\.\d+(?=Z$)/, '') : undefined
}

/** A position without the zeros before it. */
export function shownSequence(sequence: unknown): string | undefined {
  return typeof sequence === 'string' ? sequence.replace(/^0+(?=\d)/, '') : undefined
}
