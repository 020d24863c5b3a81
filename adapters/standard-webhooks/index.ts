// Any vendor that follows Standard Webhooks: the id is in a header, the type and the time in the body.
import { z } from 'zod'
import type { Adapter, SourceDefinition, SourceOptions, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { standardWebhooksSignature as signature } from '../../src/checks/standard-webhooks.ts'
import { textAt } from '../../src/json/read.ts'
import { typeName } from '../../src/names.ts'
import { rfc3339 } from '../../src/time.ts'
import { assertVendorName } from '../../src/vendor-name.ts'

export interface StandardWebhooksSourceOptions extends SourceOptions {
  /** The vendor's name, `[a-z][a-z0-9_]*`: its types become `custom.<vendor>.<type>`. */
  vendor: string
  check: Check | Unverified
}

/** A source that a vendor posts to by Standard Webhooks. Throws TypeError for a vendor's name that cannot be one. */
export const standardWebhooks: ((options: StandardWebhooksSourceOptions) => SourceDefinition) & {
  signature: typeof signature
} = Object.assign(
  ({ check, ...options }: StandardWebhooksSourceOptions): SourceDefinition => {
    assertVendorName('standardWebhooks.vendor', options.vendor)
    return { adapter: adapterFor(options.vendor), check, options }
  },
  { signature },
)

function adapterFor(vendor: string): Adapter {
  return {
    vendor,
    options: z.object({ vendor: z.string() }),
    normalise(request, options) {
      if (!request.json.ok) return { notUnderstood: `the body is not JSON: ${request.json.problem}` }
      const body = request.json.value
      const vendortype = textAt(body, 'type')
      if (vendortype === undefined) return { notUnderstood: 'the body has no type' }
      const id = request.header('webhook-id') || undefined
      const vendortime = textAt(body, 'timestamp')
      return {
        drafts: [
          {
            type: typeName(`custom.${vendor}`, vendortype),
            vendortype,
            vendorid: id,
            vendortime,
            time: rfc3339(vendortime, options.timezone),
            environment: options.environment,
            // The specification: the id is the same over retries, and is the key to drop doubles by.
            dedupe: id === undefined ? ['content', vendortype, request.sha256] : [id],
            data: { refs: {} },
          },
        ],
      }
    },
    sampleTypes: ['example.created', 'example.updated'],
    sample: (type, { now, uuid }) => ({
      method: 'POST',
      rest: '',
      query: '',
      headers: { 'Content-Type': 'application/json', 'webhook-id': `msg_${uuid()}` },
      body: JSON.stringify({ type, timestamp: new Date(now).toISOString(), data: { id: uuid() } }),
    }),
    setup: url => [
      `Endpoint URL: ${url}`,
      'Events: all of them.',
      'Signing: Standard Webhooks; copy the secret (whsec_…) or the public key (whpk_…) into the setting of this source.',
    ],
  }
}
