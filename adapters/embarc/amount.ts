// Amounts of a command's request. Fineract reads them by the request's own `locale`, so that "1.000" is a thousand
// under `de`; a text that could be read in two ways is left out rather than guessed.
import type { Amount } from '../../src/event.ts'
import { JsonNumber, type JsonObject } from '../../src/json/parse.ts'
import { decimalAt, member, textAt } from '../../src/json/read.ts'
import { amountOf } from '../../src/money.ts'

/** The amount in a member of the request, in the source's currency: Fineract names none. */
export function requestAmount(
  request: JsonObject | undefined,
  name: string,
  currency: string | undefined,
): Amount | undefined {
  const value = member(request, name)
  const plain = value instanceof JsonNumber || typeof value !== 'string' || /^\s*\d+\s*$/.test(value)
  return plain || /^en(?![a-z])/i.test(textAt(request, 'locale') ?? 'en')
    ? amountOf(decimalAt(value), currency)
    : undefined
}
