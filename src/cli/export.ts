// `postern events export`: lines of JSON as fast as they are taken, in constant memory. One that is cut goes on behind its
// last whole line.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { type ExitCode, exit, Failure } from './command.ts'
import type { GatewayApi, Query } from './gateway-api.ts'
import { counted, plainJson } from './text.ts'

export interface ExportOptions {
  output?: string
  after?: number
  original?: boolean
}

const triesMax = 5
const pauseMs = 1_000

export async function exported(api: GatewayApi, filter: Query, options: ExportOptions): Promise<ExitCode> {
  const query = { ...filter, include: options.original ? 'original' : undefined }
  let position = options.after
  // Before a file is made: else one that is empty stays behind a mistake.
  let body = await opened(api, query, position)
  const out = options.output === undefined ? process.stdout : await created(options.output)
  let count = 0
  for (let tries = 1; ; tries++) {
    try {
      for await (const lines of wholeLines(body)) {
        position = Number(sequenceOf(lines.slice(lines.lastIndexOf('\n', lines.length - 2) + 1)) ?? position)
        count += lines.split('\n').length - 1
        if (!out.write(process.stdout.isTTY && out === process.stdout ? plainLines(lines) : lines))
          await once(out, 'drain')
      }
      break
    } catch (error) {
      const goOn = `go on with --after ${position ?? 0}`
      if (tries === triesMax) throw new Failure(exit.unfinished, `The export was cut: ${goOn}`, { cause: error })
      process.stderr.write(`— cut after ${counted(count)} events: going on\n`)
      await after(pauseMs)
      body = await opened(api, query, position).catch(cause => {
        throw new Failure(exit.unfinished, `The export was cut: ${goOn}`, { cause })
      })
    }
  }
  if (out !== process.stdout) {
    out.end()
    await once(out, 'close')
  }
  process.stderr.write(`${counted(count)} events\n`)
  return exit.done
}

function opened(api: GatewayApi, query: Query, position: number | undefined): Promise<ReadableStream<Uint8Array>> {
  return api.lines('/events/export', { ...query, after: position })
}

async function created(path: string) {
  const out = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  await once(out, 'open').catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      exit.mistaken,
      `--output: ${error.code === 'EEXIST' ? 'the file is there already' : error.message}`,
    )
  })
  return out
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
