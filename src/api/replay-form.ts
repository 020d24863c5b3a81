// Replays as the API takes them and as it shows them.
import { z } from '@hono/zod-openapi'
import { subscriptionMember } from './delivery-parts.ts'
import { eventExample, sequenceForm, timeForm } from './event-form.ts'
import { eventListParameters } from './parameters.ts'
import { replayPath } from './path.ts'
import { countsForm, countsOf } from './subscription-form.ts'

const { shape } = eventListParameters
const several = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess(given => (typeof given === 'string' ? [given] : given), schema)

/** What `GET /events` takes as parameters; a list, or a single text in its place, where a parameter may come again. */
export const replayFilter = z
  .strictObject({
    source: several(shape.source).optional(),
    vendor: several(shape.vendor).optional(),
    type: several(shape.type).optional(),
    vendorType: several(shape.vendorType).optional(),
    subject: shape.subject,
    ref: several(shape.ref).optional(),
    receivedAfter: shape.receivedAfter,
    receivedBefore: shape.receivedBefore,
  })
  .openapi('ReplayFilter')

export const replayBody = z.strictObject({
  filter: replayFilter,
  subscription: subscriptionMember,
  dryRun: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .meta({ description: 'nothing is sent: the answer says what would be' }),
})

const begunShape = {
  id: z.string().regex(/^rpl_[0-9a-z]{26}$/),
  subscription: z.string().nullable(),
  filter: z.looseObject({}).meta({ description: 'as it was given, with lists' }),
  first: sequenceForm,
  last: sequenceForm,
  createdAt: timeForm,
}
export const begunForm = z.object(begunShape).openapi('BegunReplay')
export type BegunReplay = z.infer<typeof begunForm>

export const replayForm = z
  .object({
    ...begunShape,
    state: z.enum(['running', 'done', 'cancelled']),
    position: sequenceForm,
    lookedAt: z.number().int().meta({ description: 'events of the log so far' }),
    matched: z.number().int(),
    deliveries: z.object(countsForm.shape).meta({ description: 'how many of its deliveries are in each state' }),
    endedAt: timeForm.nullable(),
  })
  .openapi('Replay')

export const dryRunForm = z
  .object({
    subscription: z.string(),
    dryRun: z.literal(true),
    matched: z.number().int(),
    failed: z.number().int().meta({ description: "events that the subscription's filter cannot be evaluated on" }),
    complete: z.boolean().meta({ description: 'false: the time was over before the end of the log' }),
    position: sequenceForm.meta({ description: 'how far it looked' }),
    sample: z.array(
      z.object({
        id: z.string(),
        sequence: sequenceForm,
        source: z.string(),
        type: z.string(),
        subject: z.string().nullable(),
        receivedAt: timeForm,
      }),
    ),
  })
  .openapi('DryRun')

export const eventReplaysForm = z
  .object({ replays: z.array(z.object({ id: z.string(), subscription: z.string(), delivery: z.string() })) })
  .openapi('EventReplays')

export const begunExample: BegunReplay = {
  id: replayPath.shape.id.meta()?.example as string,
  subscription: 'loan-book',
  filter: { type: ['loan.*'], receivedAfter: '2026-03-01T00:00:00.000Z' },
  first: '0000000000000001',
  last: '0000000000000042',
  createdAt: '2026-03-02T09:00:00.000Z',
}
export const replayExample: z.infer<typeof replayForm> = {
  ...begunExample,
  state: 'running',
  position: '0000000000000020',
  lookedAt: 20,
  matched: 7,
  deliveries: countsOf({ pending: 2, succeeded: 5 }),
  endedAt: null,
}
export const dryRunExample: z.infer<typeof dryRunForm> = {
  subscription: 'loan-book',
  dryRun: true,
  matched: 7,
  failed: 0,
  complete: true,
  position: '0000000000000042',
  sample: [
    {
      id: eventExample.id,
      sequence: eventExample.sequence,
      source: 'loan-portal',
      type: eventExample.type,
      subject: 'loan/K0Z1Q',
      receivedAt: eventExample.receivedtime,
    },
  ],
}
