// `postern events export`: lines of JSON as fast as they are taken, in constant memory. One that is cut goes on behind its
// last whole line.
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { type ExitCode, exit, Failure } from './command.ts'
import type { GatewayApi, Query } from './gateway-api.ts'
import { print } from './listing.ts'
import { counted, plainJson } from './text.ts'

export interface ExportOptions {
  output?: string
  after?: number
  original?: boolean
}

/** Without coming any further: with the pauses between them some 13 seconds, in which a gateway starts again. */
const triesMax = 8
const firstPauseMs = 100

export async function exported(api: GatewayApi, filter: Query, options: ExportOptions): Promise<ExitCode> {
  const query = { ...filter, include: options.original ? 'original' : undefined }
  let position = options.after
  // Before a file is made: else one that is empty stays behind a mistake.
  let body: ReadableStream<Uint8Array> | undefined = await opened(api, query, position)
  const out = options.output === undefined ? standardOutput : await created(options.output)
  let count = 0
  const cut = async (cause: unknown) => {
    await out.close().catch(() => {})
    const why = (cause as Error).message
    const goOn = `go on with --after ${position ?? 0}`
    return new Failure(exit.unfinished, `The export was cut after ${counted(count)} events. ${why}; ${goOn}`, { cause })
  }
  for (let failed = 0; ; ) {
    try {
      body ??= await opened(api, query, position)
      for await (const lines of wholeLines(body)) {
        await out.write(lines)
        position = Number(sequenceOf(lines.slice(lines.lastIndexOf('\n', lines.length - 2) + 1)) ?? position)
        count += lines.split('\n').length - 1
        failed = 0
      }
      break
    } catch (error) {
      // What cannot be written, or is refused, is so the next time too.
      const isPassing = !(error instanceof Failure) || error.exit === exit.unreachable
      if (!isPassing || ++failed === triesMax) throw await cut(error)
      body = undefined
      if (failed === 1) process.stderr.write(`— cut after ${counted(count)} events: going on\n`)
      await after(firstPauseMs * 2 ** (failed - 1))
    }
  }
  await out.close().catch(async error => {
    throw await cut(error)
  })
  process.stderr.write(`${counted(count)} events\n`)
  return exit.done
}

function opened(api: GatewayApi, query: Query, position: number | undefined): Promise<ReadableStream<Uint8Array>> {
  return api.lines('/events/export', { ...query, after: position })
}

interface Output {
  /** Throws Failure where not all of it can be written. */
  write(lines: string): Promise<void>
  close(): Promise<void>
}

const standardOutput: Output = {
  write: lines => print(process.stdout.isTTY ? plainLines(lines) : lines),
  close: async () => {},
}

/** A file of whole lines at any time: of what did not fit nothing is left in it. */
async function created(path: string): Promise<Output> {
  const refused = (error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException
    const folder = dirname(path)
    const isLost = code === 'ENOENT' && !existsSync(folder)
    const why = isLost ? `there is no folder ${folder}` : code === 'EEXIST' ? 'the file is there already' : message
    return new Failure(exit.mistaken, `--output: ${why}`)
  }
  const file = await open(path, 'wx', 0o600).catch(error => {
    throw refused(error)
  })
  let bytes = 0
  return {
    async write(lines) {
      const chunk = Buffer.from(lines)
      try {
        await file.writeFile(chunk)
        bytes += chunk.length
      } catch (error) {
        await file.truncate(bytes).catch(() => {})
        throw refused(error)
      }
    },
    close: () => file.close(),
  }
}

/** The text in pieces that end with a line; what is left of a line that was cut is never given. */
async function* wholeLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let begun: string[] = []
  for await (const bytes of body) {
    const text = decoder.decode(bytes, { stream: true })
    const end = text.lastIndexOf('\n') + 1
    if (end > 0) {
      yield `${begun.join('')}${text.slice(0, end)}`
      begun = [text.slice(end)]
    } else begun.push(text)
  }
}

/** It stands before what the vendor may have written. */
function sequenceOf(line: string): string | undefined {
  return /"sequence":"(\d{1,16})"/.exec(line)?.[1]
}

function plainLines(lines: string): string {
  return lines
    .split('\n')
    .map(line => plainJson(line))
    .join('\n')
}
