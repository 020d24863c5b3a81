// Whether a command succeeded. Fineract fires the same hook for one that failed: up to 1.8 with "status":"Exception"
// and an error for a response, from 1.9 on with no response at all. Only a result that names something is a success.
import { compactOrNothing } from '../../src/compact.ts'
import type { EventOf, Outcome } from '../../src/event.ts'
import type { Json } from '../../src/json/parse.ts'
import { booleanAt, idAt, member, textAt } from '../../src/json/read.ts'
import { type Command, identifiers } from './command.ts'

type CommandError = NonNullable<EventOf<'command.failed'>['data']['error']>

const errorMembers = [
  'errorCode',
  'developerMessage',
  'httpStatusCode',
  'userMessageGlobalisationCode',
  'errors',
  'exception',
  'error',
] as const

export function outcomeOf({ body, response, responseText }: Command): { outcome: Outcome; error?: CommandError } {
  const failed =
    textAt(body, 'status')?.toLowerCase() === 'exception' || errorMembers.some(name => isThere(member(response, name)))
  if (failed) {
    const error = compactOrNothing({
      code: idAt(response, 'errorCode') ?? textAt(response, 'userMessageGlobalisationCode'),
      status: idAt(response, 'httpStatusCode') ?? idAt(response, 'statusCode'),
      message: textAt(response, 'developerMessage') ?? textAt(response, 'defaultUserMessage') ?? responseText,
    })
    return error === undefined ? { outcome: 'failed' } : { outcome: 'failed', error }
  }
  const named = identifiers.some(name => idAt(response, name) !== undefined)
  // A result that waits for a checker, or was rolled back, is not done.
  // Of a form's result only the identifiers are read; one that mentions it is not taken for done.
  const rolledBack =
    booleanAt(response, 'rollbackTransaction') === true || /\brollbackTransaction=true\b/.test(responseText ?? '')
  return { outcome: named && !rolledBack ? 'succeeded' : 'unknown' }
}

function isThere(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
}
