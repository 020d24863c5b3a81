// Any other vendor: JMESPath expressions say where a request has its id, its type and the rest.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type {
  Adapter,
  InboundRequest,
  Normalised,
  NormaliseOptions,
  SourceDefinition,
  SourceOptions,
  Unverified,
} from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { compileMapping } from '../../src/mapping.ts'
import { rfc3339, unixTime } from '../../src/time.ts'
import { assertVendorName } from '../../src/vendor-name.ts'
import { hiddenHeaders, requestView } from './request-view.ts'
import { sampleFor } from './sample.ts'

/** Expressions over `{ method, path, query, headers, body }`; see docs/vendors/generic.md. */
export interface GenericMapping {
  /** What is the same when the vendor sends the same thing again. Where it finds nothing, the content is the key. */
  id: string
  /** A catalogue type, or the vendor's own: that becomes `custom.<vendor>.<type>`. */
  type: string
  /** `kind/id`. */
  subject?: string | undefined
  /** The vendor's time: text, or Unix seconds or milliseconds. */
  time?: string | undefined
  /** An object with `refs`, `status`, `amount` and the type's other fields. */
  data?: string | undefined
}

export interface GenericOptions extends SourceOptions, GenericMapping {
  /** The vendor's name, `[a-z][a-z0-9_]*`. */
  vendor: string
  check: Check | Unverified
}

/** A source for any vendor. Throws TypeError, naming the setting, for a name or an expression that cannot work. */
export function generic({ check, ...options }: GenericOptions): SourceDefinition {
  assertVendorName('generic.vendor', options.vendor)
  const { id, type, subject, time, data } = options
  for (const [name, expression] of Object.entries({ id, type })) {
    if (expression === undefined) throw new TypeError(`generic.${name}: expected a JMESPath expression`)
  }
  const mapping = { id, type, subject, time, data }
  const hidden = hiddenHeaders(check)
  assertHeadersKept(mapping, hidden)
  return { adapter: adapterFor(options.vendor, mapping, hidden), check, options }
}

const expression = z.string()

function adapterFor(vendor: string, mapping: GenericMapping, hidden: ReadonlySet<string>): Adapter {
  const map = compileMapping('generic', mapping)
  return {
    vendor,
    options: z.object({
      vendor: z.string(),
      id: expression,
      type: expression,
      subject: expression.optional(),
      time: expression.optional(),
      data: expression.optional(),
    }),
    normalise: (request, options) => normalise(request, options, vendor, map, hidden),
    sampleTypes: ['example.created'],
    sample: (type, context) => sampleFor(mapping, type, context),
    setup: url => [
      `URL: ${url}`,
      'Method: POST. Content type: application/json.',
      'The secret: the one that the check of this source is configured with.',
    ],
  }
}

function normalise(
  request: InboundRequest,
  options: NormaliseOptions,
  vendor: string,
  map: ReturnType<typeof compileMapping>,
  hidden: ReadonlySet<string>,
): Normalised {
  const view = requestView(request, hidden, options.redact ?? [])
  const mapped = map(view, { prefix: `custom.${vendor}`, currency: options.currency })
  if ('notUnderstood' in mapped) {
    const { json } = request
    return json.ok ? mapped : { notUnderstood: `${mapped.notUnderstood}; the body is not JSON: ${json.problem}` }
  }
  return {
    drafts: [
      {
        type: mapped.type,
        vendortype: mapped.named ?? mapped.type,
        vendorid: mapped.id,
        vendortime: mapped.time,
        time: unixTime(mapped.time) ?? rfc3339(mapped.time, options.timezone),
        subject: mapped.subject,
        environment: options.environment,
        // An expression that finds nothing must not make one event of two.
        dedupe: mapped.id === undefined ? ['content', mapped.named ?? mapped.type, contentHash(request)] : [mapped.id],
        data: mapped.data,
      },
    ],
  }
}

/** Of all that a request without an id says of itself. The body's own hash is of the bytes before any redaction. */
function contentHash({ method, rest, query, sha256 }: InboundRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([method, rest, query, sha256]))
    .digest('hex')
}

/** An expression that names a header with a secret would find it in no event: said at start, not at the first one. */
function assertHeadersKept(mapping: GenericMapping, hidden: ReadonlySet<string>): void {
  for (const [name, text] of Object.entries(mapping)) {
    if (typeof text !== 'string') continue
    for (const [, quoted, bare] of text.matchAll(/\bheaders\s*\.\s*(?:"([^"]+)"|([A-Za-z_]\w*))/g)) {
      const header = quoted ?? bare ?? ''
      if (header !== header.toLowerCase())
        throw new TypeError(`generic.${name}: write the header ${header} in lower case`)
      if (hidden.has(header))
        throw new TypeError(`generic.${name}: the header ${header} carries a secret and is not kept`)
    }
  }
}
