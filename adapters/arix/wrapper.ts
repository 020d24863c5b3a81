// What Arix puts around an event: `{MPLId, Ignore, content}`, or in the first version `{EventName, EventData}`.
import { hash } from 'node:crypto'
import type { InboundRequest } from '../../src/adapter.ts'
import { membersOf } from '../../src/json/cut.ts'
import { isObject } from '../../src/json/read.ts'
import { type Fields, fieldsOf } from './fields.ts'

export interface Wrapper {
  /** The MPLId; the first version has none. */
  partner: string | undefined
  ignore: boolean | undefined
  /** The first version's name of the event. */
  eventName: string | undefined
  content: Fields
  /** SHA-256 (hex) of the raw text of the content, or of one of its members; undefined where that is not there or null. */
  textHash(field?: string): string | undefined
}

export function readWrapper(request: InboundRequest): Wrapper | { notUnderstood: string } {
  if (!request.json.ok) return { notUnderstood: `the body is not JSON: ${request.json.problem}` }
  if (!isObject(request.json.value)) return { notUnderstood: 'the body is no JSON object' }
  const body = fieldsOf(request.json.value)
  const current = body.value('Content')
  const legacy = body.value('EventData')
  const value = isObject(current) ? current : legacy
  if (!isObject(value)) return { notUnderstood: 'the body has neither content nor EventData' }

  const content = fieldsOf(value)
  const partner = body.text('MPLId') ?? content.text('MPLId')
  if (value === current && partner === undefined) return { notUnderstood: 'the wrapper has no MPLId' }
  const key = body.key(value === current ? 'Content' : 'EventData') ?? ''
  return {
    partner,
    ignore: body.boolean('Ignore'),
    eventName: body.text('EventName')?.trim(),
    content,
    textHash(field) {
      if (field !== undefined && (content.value(field) ?? null) === null) return undefined
      const text = request.text ?? ''
      const path = field === undefined ? [key] : [key, content.key(field) ?? field]
      // Of a doubled key the last one counts, as in the parsed form.
      const span = membersOf(text, [path])
        .find(...path)
        .at(-1)?.value
      return span === undefined ? undefined : hash('sha256', text.slice(span.start, span.end), 'hex')
    },
  }
}
