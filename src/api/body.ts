// Reading the small JSON bodies that the API takes, bounded while they are read.

import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { plainIssue } from '../config/plain-issues.ts'
import { AppError } from '../errors.ts'

const bytesMax = 64 * 1024

/** Of what takes no body: an empty one, or `{}`. */
export const nothing = z.strictObject({})

/** The body as JSON; an empty one is `{}`. Throws AppError. */
export async function readJson(context: Context): Promise<unknown> {
  return parse(await readText(context.req.raw.body))
}

/** The same by its schema. Throws AppError `bad_request` that points at the member. */
export function checkBody<Schema extends z.ZodType>(given: unknown, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(given, { error: plainIssue })
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.flatMap(({ path, message, ...issue }) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => ({ pointer: pointer([...path, key]), detail: 'there is no such member' }))
      : [{ pointer: pointer(path), detail: message }],
  )
  throw new AppError('bad_request', `the body is wrong at ${errors[0]?.pointer || 'its root'}: ${errors[0]?.detail}`, {
    errors,
  })
}

function parse(text: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text)
  } catch {
    throw new AppError('bad_request', 'the body is not JSON', { errors: [{ pointer: '', detail: 'expected JSON' }] })
  }
}

async function readText(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new AppError('body_too_large', 'the body is larger than 64 KiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** RFC 6901. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map(segment => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
