// The parts of paths that name one thing. What is no name of anything is not there: 404, as is what nobody has.
import { z } from '@hono/zod-openapi'
import { decodeId } from '../ids.ts'
import { deliveryKey, replayNumber } from '../store/deliveries.ts'
import { tokenIdBytes } from '../store/tokens.ts'

/** A text that `read` makes a key of. */
function named<Key>(read: (text: string) => Key | undefined, what: { description: string; example: string }) {
  return z
    .string()
    .transform((text, context) => {
      const key = read(text)
      if (key !== undefined) return key
      context.issues.push({ code: 'custom', message: 'there is none', input: text })
      return z.NEVER
    })
    .meta(what)
}

const idOf = (prefix: string) => (text: string) => decodeId(prefix, text)

export const eventPath = z.object({
  id: named(idOf('evt_'), { description: "the event's id", example: 'evt_5jx1c2m8t0s6w4v9k3h7q2n8pa' }),
})
export const requestPath = z.object({
  id: named(idOf('req_'), { description: "the request's id", example: 'req_2h6n0z4c8v1m5r9t3x7b1d5f9h' }),
})
export const conflictPath = z.object({
  number: named(text => (/^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined), {
    description: "the conflict's number",
    example: '17',
  }),
})
const subscriptionNamed = { description: "the subscription's name", example: 'loan-book' }
export const subscriptionPath = z.object({ name: z.string().max(63).meta(subscriptionNamed) })
/** Of one that may be made, where it is told what is wrong with its name. */
export const newSubscriptionPath = z.object({ name: z.string().meta(subscriptionNamed) })
export const deliveryPath = z.object({
  id: named(deliveryKey, { description: "the delivery's id", example: 'dlv_00000080000000000000000041' }),
})
export const replayPath = z.object({
  id: named(replayNumber, { description: "the replay's id", example: 'rpl_00000000000000000000000003' }),
})
export const tokenPath = z.object({
  id: named(tokenIdBytes, { description: "the token's id", example: 'tok_3n8v1q5z7c9t2w4y6b0d8f1h3k' }),
})
