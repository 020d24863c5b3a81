// Events as the API's document has them. `data` is an open object, so that a strict client lives with types and members
// that are added later; what a known type has is in `/schemas`.
import { z } from '@hono/zod-openapi'
import { eventPath } from './path.ts'

export const timeForm = z.string().meta({ format: 'date-time' })
export const sequenceForm = z
  .string()
  .regex(/^\d{16}$/)
  .meta({ description: 'a position in the log: 16 digits, so that texts sort as numbers do' })

export const idExample = eventPath.shape.id.meta()?.example as string

export const eventForm = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().regex(/^evt_[0-9a-z]{26}$/),
    source: z.string().meta({ description: '`/sources/<name>`' }),
    type: z.string(),
    subject: z.string().optional().meta({ description: 'what the event is about, as kind/id' }),
    time: timeForm.meta({ description: "the vendor's own, all its digits kept; without one the receipt's" }),
    datacontenttype: z.literal('application/json'),
    dataschema: z.string().optional().meta({ description: 'there for the types of the catalogue: see `/schemas`' }),
    vendor: z.string(),
    vendortype: z.string(),
    vendorid: z.string().optional(),
    vendortime: z.string().optional().meta({ description: 'as it was sent' }),
    environment: z.string().optional(),
    receivedtime: timeForm,
    sequence: sequenceForm,
    sameas: z.string().optional().meta({ description: 'the id of an earlier event that seems to tell the same' }),
    data: z.looseObject({ refs: z.record(z.string(), z.string()) }).meta({
      description: 'what the event tells: `refs`, and whatever its type has; `original` where it is included',
    }),
  })
  .openapi('Event')

export const eventExample: z.input<typeof eventForm> = {
  specversion: '1.0',
  id: idExample,
  source: '/sources/loan-portal',
  type: 'loan.status_changed',
  subject: 'loan/K0Z1Q',
  time: '2026-03-01T15:45:00Z',
  datacontenttype: 'application/json',
  dataschema: 'urn:postern:schema:loan.status_changed:1',
  vendor: 'acme',
  vendortype: 'loan_request.status_changed',
  vendorid: '660e8400-e29b-41d4-a716-446655440000',
  vendortime: '2026-03-01T15:45:00Z',
  environment: 'production',
  receivedtime: '2026-03-01T15:45:00.812Z',
  sequence: '0000000000000042',
  data: {
    refs: { loan: 'K0Z1Q', application: 'APP-2026-001' },
    status: { current: 'bid', previous: 'pre_bid', phase: 'offered', raw: 'BID' },
    amount: { value: '250000', currency: 'EUR' },
  },
}

/** What every list has. */
export function listForm<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'the `cursor` of the next page; null: this is the last' }),
  })
}

export const eventListForm = listForm(eventForm)
  .extend({
    position: sequenceForm
      .optional()
      .meta({ description: 'with `after`: how far was looked, to give back as `after`' }),
    search: z
      .object({ indexedThrough: sequenceForm })
      .optional()
      .meta({ description: 'with `q`: events beyond this sequence cannot be found by words yet' }),
  })
  .openapi('EventList')
