// A large inbox of realistic variety, made by the store itself without HTTP: the stories of loans as five vendors tell
// them, interleaved as they would come in. What the vendors have in common is the lender's own identifier of a loan.
import { hash } from 'node:crypto'
import Sqlite from 'better-sqlite3'
import { type EventRecord, refKeys } from '../../src/store/record.ts'
import { Log } from '../../src/store/sqlite/append.ts'
import { eventFields, eventPieces, requestFields, requestPieces } from '../../src/store/sqlite/fields.ts'
import { openWriter } from '../../src/store/sqlite/open.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { KeptRequest } from '../../src/store/store.ts'

interface Chapter {
  source: string
  vendor: string
  type: string
  vendortype: string
  subject(story: Story): string
  refs(story: Story): Record<string, string>
}

/** One loan and what everybody calls it. */
interface Story {
  number: number
  application: string
  hash: string
}

/** Stories that begin between one chapter of a story and its next. */
const apart = 100

const banclo = (
  type: string,
  vendortype: string,
  more: (story: Story) => Record<string, string> = () => ({}),
): Chapter => ({
  source: 'banclo',
  vendor: 'banclo',
  type,
  vendortype,
  subject: story => `loan/${loanOf(story)}`,
  refs: story => ({
    loan: loanOf(story),
    application: story.application,
    bank: `B${story.number % 12}`,
    ...more(story),
  }),
})
const ballerine = (type: string, vendortype: string): Chapter => ({
  source: 'ballerine',
  vendor: 'ballerine',
  type,
  vendortype,
  subject: ({ hash }) => `workflow/${hash.slice(8, 32)}`,
  refs: ({ hash, number, application }) => ({
    workflow: hash.slice(8, 32),
    definition: `kyb-${number % 3}`,
    entity: `ent-${Math.floor(number / 2)}`,
    correlation: application,
  }),
})
const arix = (
  type: string,
  vendortype: string,
  more: (story: Story) => Record<string, string> = () => ({}),
): Chapter => ({
  source: 'arix',
  vendor: 'arix',
  type,
  vendortype,
  subject: ({ hash }) => `loan/${guid(hash)}`,
  refs: story => ({ loan: guid(story.hash), loanNumber: story.application, partner: 'TST', ...more(story) }),
})
const embarc = (
  type: string,
  vendortype: string,
  more: (story: Story) => Record<string, string> = () => ({}),
): Chapter => ({
  source: 'embarc',
  vendor: 'embarc',
  type,
  vendortype,
  subject: ({ number }) => `loan/${number}`,
  refs: story => ({
    loan: String(story.number),
    client: String(Math.floor(story.number / 2)),
    office: String(story.number % 5),
    ...more(story),
  }),
})
const receeve = (type: string, vendortype: string): Chapter => ({
  source: 'receeve',
  vendor: 'receeve',
  type,
  vendortype,
  subject: ({ number }) => `claim/claim-${number}`,
  refs: ({ number, application }) => ({
    claim: `claim-${number}`,
    account: application,
    debtor: `debtor-${number % 9_000}`,
  }),
})
const repayment = (place: number) =>
  embarc('payment.received', 'LOAN.REPAYMENT', ({ number }) => ({ payment: `${number}${place}` }))

const chapters: readonly Chapter[] = [
  banclo('loan.created', 'loan_request.created'),
  embarc('client.created', 'CLIENT.CREATE'),
  ballerine('workflow.status_changed', 'workflow.state.changed'),
  banclo('loan.status_changed', 'loan_request.status_changed'),
  banclo('task.completed', 'task.completed', ({ number }) => ({ task: `T${number}` })),
  ballerine('document.changed', 'workflow.context.document.changed'),
  ballerine('workflow.completed', 'workflow.completed'),
  banclo('message.received', 'message.received', ({ number }) => ({ message: `M${number}`, channel: `C${number}` })),
  banclo('bid.accepted', 'bid.accepted', ({ number }) => ({ bid: `bid-${number}` })),
  banclo('loan.status_changed', 'loan_request.status_changed'),
  embarc('loan.created', 'LOAN.CREATE', ({ application }) => ({ external: application })),
  embarc('loan.status_changed', 'LOAN.APPROVE'),
  arix('loan.status_changed', 'LoanStatusUpdated'),
  arix('loan.note_added', 'LoanNoteAdded'),
  arix('disbursement.status_changed', 'RailUpdated', ({ hash }) => ({ payment: hash.slice(0, 20) })),
  arix('loan.status_changed', 'LoanStatusUpdated'),
  embarc('loan.status_changed', 'LOAN.DISBURSE'),
  repayment(1),
  repayment(2),
  repayment(3),
  receeve('claim.created', 'event.claim.created.v1'),
  receeve('receeve.account_meta.changed', 'webhook.accountMeta.changed.v1'),
  receeve('payment.status_changed', 'event.claimDebtPayment.settled.v1'),
  repayment(4),
  receeve('claim.resolved', 'event.claim.resolved.v1'),
]

/** What a story's subjects and refs are called: to ask for them. */
export function storyOf(number: number): Story & { loan: string; guid: string } {
  const text = hash('sha256', `story ${number}`, 'hex')
  const story = { number, application: `APP-${String(number).padStart(8, '0')}`, hash: text }
  return { ...story, loan: loanOf(story), guid: guid(text) }
}

/** Stories whose chapters are all there, among `count` events. */
export function wholeStories(count: number): number {
  return Math.max(1, Math.floor(count / chapters.length) - apart * chapters.length)
}

/**
 * Stores `count` events, as if `perMinute` of them had come a minute, up to now, by what the writer's thread stores them
 * by. Resolves with the stories begun.
 */
export async function fillStories(path: string, count: number, perMinute: number): Promise<number> {
  await (await openSqliteStore(path)).close()
  const db = openWriter(path)
  db.pragma('synchronous = OFF')
  const log = new Log(db, { expire() {} })
  const began = Date.now() - (count / perMinute) * 60_000
  let stored = 0
  let story = 0
  while (stored < count) {
    db.exec('begin')
    for (const end = story + 200; story < end; story++) {
      for (const [place, chapter] of chapters.entries()) {
        const number = story - place * apart
        if (number < 0 || stored >= count) continue
        const received = Math.floor(began + (stored++ / perMinute) * 60_000)
        const event = eventOf(chapter, storyOf(number), place, received)
        const request = requestOf(event)
        log.append([eventFields(event)], requestFields(request), [
          ...requestPieces(request),
          ...eventPieces(event),
        ] as Buffer[])
      }
    }
    log.finish()
    db.exec('commit')
    log.committed()
  }
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.close()
  return story
}

/** A delivery of every event to one subscription, each made by one attempt; and what did not get in. */
export function fillDeliveries(path: string): void {
  const db = new Sqlite(path)
  const now = Date.now()
  db.exec(`
    insert into subscriptions (number, name, origin, spec, cursor, breaker, createdat)
      select 1, 'loan-book', 'config', '{}', head, '{"state":"closed","failures":0,"opened":0,"until":null}', ${now} from log;
    insert into deliveries (sequence, subscription, replay, state, attempt, due, settledat)
      select sequence, 1, 0, 4, 1, received, received from events;
    insert into attempts (sequence, subscription, replay, number, startedat, elapsedms, result, status)
      select sequence, 1, 0, 1, received, 12, 'succeeded', 204 from events;
    insert into delivery_counts (subscription, replay, state, count) select 1, 0, 4, count(*) from deliveries`)
  db.close()
}

function eventOf(chapter: Chapter, story: Story, place: number, received: number): EventRecord {
  const { source, vendor, type, vendortype } = chapter
  const subject = chapter.subject(story)
  const refs = chapter.refs(story)
  const status = { current: 'in_review', previous: 'pending', phase: 'in_review', raw: 'IN_REVIEW' }
  const data = { refs, status, amount: { value: `${story.number}.00`, currency: 'EUR' }, instance: 'your-instance-id' }
  return {
    identity: JSON.stringify([source, `${story.number} ${place}`]),
    source,
    vendor,
    type,
    vendortype,
    environment: 'production',
    namespace: source,
    subject,
    vendorid: `${story.hash.slice(0, 24)}-${place}`,
    vendortime: new Date(received).toISOString(),
    time: null,
    received,
    data: JSON.stringify(data),
    content: null,
    soft: null,
    refs: refKeys(refs, subject),
    traceparent: null,
  }
}

function requestOf({ data, received, vendorid, vendortype }: EventRecord): KeptRequest {
  const body = `{"id":"${vendorid}","event":"${vendortype}","remark":"${'as it was sent '.repeat(8)}","payload":${data}}`
  return {
    received,
    method: 'POST',
    rest: '',
    query: '',
    headers: [['Content-Type', 'application/json']],
    address: '203.0.113.7',
    body: Buffer.from(body),
    sha256: null,
    redacted: [],
  }
}

function loanOf({ hash }: Story): string {
  return hash.slice(0, 8).toUpperCase()
}

function guid(text: string): string {
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20, 32)].join('-')
}
