// Names made from what vendors say: type names, and their words in snake_case.

/** A vendor's word in snake_case: `PRE_BID` → `pre_bid`, `NotFullyFunded` → `not_fully_funded`, `In review` → `in_review`. */
export function snakeCase(word: string): string {
  const known = seen.get(word)
  if (known !== undefined) return known
  const snake = toSnakeCase(word)
  if (seen.size < seenMax && word.length <= 64) seen.set(word, snake)
  return snake
}

/** Vendors use few words, again and again. */
const seen = new Map<string, string>()
const seenMax = 2_000

function toSnakeCase(word: string): string {
  return (
    word
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      // A look ahead: a run of capitals taken whole would be tried anew from each of them.
      .replace(/[A-Z](?=[A-Z][a-z])/g, '$&_')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
  )
}

/** Longer than this, a type name helps nobody; the vendor's own stays in `vendortype`. */
const segmentLengthMax = 80

/**
 * A canonical type name from a vendor's: segments are split at dots and made `[a-z0-9_]+`.
 * `typeName('receeve', 'promiseToPay.created')` is `receeve.promise_to_pay.created`.
 */
export function typeName(prefix: string, vendorType: string): string {
  const segments = vendorType
    .split('.')
    .map(segment => snakeCase(segment).slice(0, segmentLengthMax))
    .filter(segment => segment !== '')
    .slice(0, 6)
  return [prefix, ...(segments.length === 0 ? ['unknown'] : segments)].join('.')
}

/** A GUID in lower case, as it is one identifier in either; any other text as it is. */
export function lowerGuid(text: string): string {
  return /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : text
}
