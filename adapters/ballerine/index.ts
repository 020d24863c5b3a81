// Ballerine: events of onboarding and underwriting workflows, and custom webhooks that a workflow's author defines.
// Facts from the vendor's source code; what it leaves open is said in docs/vendors/ballerine.md.
import { z } from 'zod'
import type { Adapter, SourceDefinition, SourceOptions, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { type CustomMappings, compileCustom, customName, normaliseCustom } from './custom.ts'
import { normaliseEnvelope } from './envelope.ts'
import { sample, sampleTypes } from './sample.ts'
import { signature } from './signature.ts'

export interface BallerineOptions extends SourceOptions {
  check: Check<'ballerine'> | Unverified
  /** What the custom webhooks of these names mean: JMESPath expressions. */
  custom?: CustomMappings | undefined
}

/** A source that Ballerine posts to. Throws TypeError, naming the setting, for an expression that is none. */
export const ballerine: ((options: BallerineOptions) => SourceDefinition) & { signature: typeof signature } =
  Object.assign(
    ({ check, ...options }: BallerineOptions): SourceDefinition => ({
      adapter: adapterFor(options.custom ?? {}),
      check,
      options,
    }),
    { signature },
  )

const expression = z.string().optional()

/** A live token of a collection flow, valid for 30 days; a custom webhook has it where its transform puts the context. */
const redact = ['data.metadata.token', '*.metadata.token', 'metadata.token']

function adapterFor(custom: CustomMappings): Adapter {
  const mappings = compileCustom(custom)
  return {
    vendor: 'ballerine',
    options: z.object({
      custom: z
        .record(z.string(), z.object({ id: expression, type: expression, subject: expression, data: expression }))
        .optional(),
    }),
    methods(rest) {
      if (rest === '') return ['POST']
      return customName(rest) === undefined ? [] : ['POST', 'PUT', 'PATCH', 'DELETE', 'GET']
    },
    normalise(request, options) {
      if (request.rest === '') return normaliseEnvelope(request, options)
      const name = customName(request.rest)
      if (name === undefined) return { notUnderstood: 'the path is neither the source nor /custom/<name> below it' }
      return normaliseCustom(name, request, options, mappings, redact)
    },
    sampleTypes,
    sample,
    setup: url => [
      "Set webhookSharedSecret in the customer's configuration: without it Ballerine signs nothing.",
      'In a workflow definition (or in the body of a workflow run), under config.subscriptions, add:',
      JSON.stringify(subscription(url)),
      `For a custom webhook plugin set "url" to ${url}/custom/<name>, and its mapping in this source's \`custom\`.`,
    ],
    // The one call there is replaces every subscription of the customer: nothing that a program should do unasked.
    guide: (url, { api }) => [
      "1. Set webhookSharedSecret in the customer's configuration to the secret of this source's check.",
      '2. Subscribe at one level only: each sends the same event again, under another id.',
      "   For one workflow definition (or in the body of a workflow's run) merge this in:",
      ...JSON.stringify({ config: { subscriptions: [subscription(url)] } }, null, 2)
        .split('\n')
        .map(line => `     ${line}`),
      '   For all workflows of the customer, by a call that replaces all subscriptions the customer has:',
      `     curl -X POST '${api?.baseUrl ?? 'https://<your Ballerine>'}/api/v1/external/customers/subscriptions' \\`,
      "       -H 'Authorization: Bearer <the API key of the customer>' -H 'Content-Type: application/json' \\",
      `       --data '${JSON.stringify({ subscriptions: [subscription(url)] })}'`,
      `3. For a custom webhook plugin set "url" to ${url}/custom/<name>, and its mapping in this source's \`custom\`.`,
    ],
    redact,
    secretHeaders: ['x-authorization', 'authorization'],
  }
}

function subscription(url: string): object {
  return {
    type: 'webhook',
    url,
    events: ['workflow.completed', 'workflow.state.changed', 'workflow.context.document.changed'],
  }
}
