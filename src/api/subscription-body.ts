// A subscription as the API takes it: the options of the configuration file as JSON, secrets as plain text. What only
// the configuration file may say, files, proxies and handlers, is refused with the reason.
import { z } from '@hono/zod-openapi'
import { httpInApi } from '../config/http-schema.ts'
import { optionMembers, withDefaults } from '../config/subscription-schema.ts'
import { withHttpDefaults } from '../config/subscriptions.ts'
import type { HttpSpec, SubscriptionSpec } from '../delivery/subscription.ts'
import { startForm } from './subscription-form.ts'

export const subscriptionBody = z.strictObject({
  ...optionMembers,
  memoryMiB: z.undefined({ error: 'only the configuration file can give a handler' }).optional(),
  to: httpInApi,
})

/** Without a secret the spec's are empty: whether one is made, or those there were are kept, is not decided here. */
export function parseApiSubscription(
  name: string,
  { to, memoryMiB: _, ...given }: z.output<typeof subscriptionBody>,
): SubscriptionSpec & { to: HttpSpec } {
  const { url, format, secret, headers, auth, tls, deadOn } = to
  return {
    name,
    origin: 'api',
    ...withDefaults(given),
    to: {
      kind: 'http',
      url,
      format: format ?? 'cloudevent',
      secrets: secret ?? [],
      headers: headers ?? {},
      ...(auth === undefined ? {} : { auth: auth.kind === 'oauth' ? { ...auth, scopes: auth.scopes ?? [] } : auth }),
      ...(tls === undefined ? {} : { tls }),
      deadOn: deadOn ?? [],
      ...withHttpDefaults(to),
    },
  }
}

const signingSecret = z.string().meta({ description: '`whsec_…`, of 24 to 64 bytes; several while a rotation lasts' })

/** As the document has it: without what is only there to be refused with a reason. */
export const documentedSubscriptionBody = subscriptionBody
  .omit({ memoryMiB: true })
  .extend({
    start: startForm.optional(),
    to: httpInApi
      .omit({ proxy: true })
      .extend({ secret: z.union([signingSecret, z.array(signingSecret)]).optional() })
      .openapi('HttpOptions'),
  })
  .openapi('SubscriptionOptions')
