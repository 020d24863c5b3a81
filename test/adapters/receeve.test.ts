import { generateKeyPairSync, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { receeve } from '../../adapters/receeve/index.ts'
import { secret } from '../../src/config/secret.ts'
import { catalogue, isCatalogueType } from '../../src/event.ts'
import { eventsOf, normaliseOptions, testAdapter } from '../contract/adapter.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const minted = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const mintedSecret = secret('RECEEVE_PUBLIC_KEY')
mintedSecret.resolve([minted.publicKey], minted.privateKey)

const source = receeve({ check: receeve.signature({ publicKey: keys.receeve.publicKeyPem }) })
const sampled = receeve({ check: receeve.signature({ publicKey: mintedSecret }) })

testAdapter({
  vendor: 'receeve',
  sourceName: 'receeve',
  sampled,
  cases: [
    { name: 'event.accountAmountTotalFees.updated.v1', source, expect: 'accept' },
    { name: 'event.accountAmountTotalFees.updated.v1.no-payloadAsString', source, expect: 'reject' },
    { name: 'event.accountDebtor.updated.v1', source, expect: 'accept' },
    { name: 'event.claim.created.v1', source, expect: 'accept' },
    { name: 'event.claim.created.v1.bad-signature', source, expect: 'reject' },
    { name: 'event.claim.created.v1.no-user', source, expect: 'accept' },
    { name: 'event.claim.resolved.v1', source, expect: 'accept' },
    { name: 'event.claimDebtPayment.settled.v1', source, expect: 'accept' },
    { name: 'webhook.accountMeta.changed.v1', source, expect: 'accept' },
  ],
})

const created = fixture('receeve', 'event.claim.created.v1')

function post(body: string | object) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return inbound({ vendor: 'receeve', name: '', method: 'POST', path: '/hooks/receeve', headers: {}, body: text })
}

/** What the adapter makes of a payload behind another check than the signature. */
function draftOf(payload: object, more: object = {}) {
  const result = source.adapter.normalise(post({ payload }), { ...normaliseOptions(source, 'receeve'), ...more })
  if ('notUnderstood' in result) throw new Error(result.notUnderstood)
  return result.drafts[0]
}

function reasonOf(body: string | object) {
  const result = source.adapter.normalise(post(body), normaliseOptions(source, 'receeve'))
  return 'notUnderstood' in result ? result.notUnderstood : undefined
}

/** A payload of that type and those details. */
function payload(messageType: string, details: object = {}) {
  return { details: { messageType, ...details }, messageId: 'm1', timestamp: '2021-10-14T15:33:16.848Z' }
}

describe('receeve event names', () => {
  const reference = join(import.meta.dirname, '..', 'fixtures', 'reference', 'receeve-events.json')
  const names: string[] = JSON.parse(readFileSync(reference, 'utf8')).events

  test('each of the 76 names has a type of its own, with .v1 and without', () => {
    expect(names).toHaveLength(76)
    const types = new Map<string, string>()
    for (const name of names) {
      const { type, vendortype } = draftOf(payload(`${name}.v1`))
      expect(vendortype).toBe(`${name}.v1`)
      expect(draftOf(payload(name)).type).toBe(type)
      expect(type).toMatch(/^(claim|payment|receeve)\.[a-z0-9_]+(\.[a-z0-9_]+)*$/)
      if (type !== 'payment.status_changed') expect(types.get(type), name).toBeUndefined()
      types.set(type, name)
    }
    expect(names.filter(name => /DebtPayment\./.test(name))).toHaveLength(7)
    expect(types.size).toBe(76 - 7 + 1)
  })

  test.each([
    ['event.claim.created.v1', 'claim.created'],
    ['event.claim.updated.v1', 'claim.updated'],
    ['event.claim.resolved', 'claim.resolved'],
    ['event.claim.created.v2', 'receeve.claim.created.v2'],
    ['event.claim.created.v11', 'receeve.claim.created.v11'],
    ['event.claim.created.v1.v1', 'receeve.claim.created.v1'],
    ['event.claimDebtPayment.settled.v2', 'receeve.claim_debt_payment.settled.v2'],
    ['event.claimDebtPayment.v1', 'receeve.claim_debt_payment'],
    ['event.claimDebtPayment.refund.requested.v1', 'receeve.claim_debt_payment.refund.requested'],
    ['event.promiseToPay.created.v1', 'receeve.promise_to_pay.created'],
    ['webhook.accountMeta.changed.v1', 'receeve.account_meta.changed'],
    ['event.debtorSMSDelivery.temporaryFailed.v1', 'receeve.debtor_sms_delivery.temporary_failed'],
    ['event.instalmentPlan.created.v1', 'receeve.instalment_plan.created'],
    ['event.instalmentsPlan.created.v1', 'receeve.instalment_plan.created'],
    ['__proto__', 'receeve.proto'],
    ['constructor', 'receeve.constructor'],
    ['event.claimDebtPayment.?', 'receeve.claim_debt_payment'],
  ])('%s is %s', (name, type) => {
    expect(draftOf(payload(name)).type).toBe(type)
  })

  test.each([
    ['event.claimDebtPayment.processing.v1', 'processing', 'in_review'],
    ['event.multiClaimDebtPayment.settled.v1', 'settled', 'closed'],
    ['event.multiClaimDebtPayment.canceled.v1', 'canceled', 'cancelled'],
    ['event.multiClaimDebtPayment.declined', 'declined', 'declined'],
    ['event.multiClaimDebtPayment.disputed.v1', 'disputed', 'other'],
    ['event.claimDebtPayment.partlyPaid.v1', 'partly_paid', 'other'],
    ['event.claimDebtPayment.constructor.v1', 'constructor', 'other'],
  ])('%s is a payment that is %s, in the phase %s', (name, current, phase) => {
    const { type, data } = draftOf(payload(name))
    expect(type).toBe('payment.status_changed')
    expect(data.status).toMatchObject({ current, phase })
  })
})

describe('receeve details', () => {
  const claim = 'event.claim.created.v1'

  test.each([
    ['501', 'EUR', '5.01'],
    ['501', 'JPY', '501'],
    ['501', 'kwd', '0.501'],
    ['1', undefined, '0.01'],
    ['-5', 'EUR', '-0.05'],
    ['9007199254740993', 'EUR', '90071992547409.93'],
    ['1.0E3', 'EUR', '10.00'],
  ])('%s cents of %s are %s', (amount, currency, value) => {
    const details = `{"messageType":"${claim}","amount":${amount}${currency ? `,"currency":"${currency}"` : ''}}`
    const result = source.adapter.normalise(
      post(`{"payload":{"details":${details}}}`),
      normaliseOptions(source, 'receeve'),
    )
    expect('drafts' in result && result.drafts[0].data.amount).toEqual({
      value,
      ...(currency ? { currency: currency.toUpperCase() } : {}),
    })
  })

  test('the currency is that of the payload, else of the source, exponent and all', () => {
    expect(draftOf(payload(claim, { amount: 501 }), { currency: 'JPY' }).data.amount).toEqual({
      value: '501',
      currency: 'JPY',
    })
    expect(draftOf(payload(claim, { amount: 501, currency: 'EUR' }), { currency: 'JPY' }).data.amount).toEqual({
      value: '5.01',
      currency: 'EUR',
    })
  })

  test('another version may count in other units: no amount is read from it', () => {
    expect(draftOf(payload('event.claim.created.v2', { amount: 501, claimRef: 'C' })).data).toEqual({
      refs: { claim: 'C' },
    })
  })

  test('both spellings of a claim are read, the reference of the lender first', () => {
    for (const name of ['claimRef', 'receeveClaimRef', 'receiveClaimRef']) {
      expect(draftOf(payload(claim, { [name]: 'C1' }))).toMatchObject({
        subject: 'claim/C1',
        data: { refs: { claim: 'C1' } },
      })
    }
    expect(draftOf(payload(claim, { receiveClaimRef: 'C2', claimRef: 'C1' })).data.refs).toEqual({ claim: 'C1' })
  })

  test('identifiers that no page names are found by how their names end', () => {
    const details = {
      receivePaymentRef: 'P1',
      instalmentsPlanId: 7,
      debtor: { externalDebtorRef: 'D1', lastName: 'Bravo' },
      Ref: 'x',
      note: 'n',
    }
    const draft = draftOf(payload('event.note.created.v1', details))
    expect(draft.data).toEqual({ refs: { debtor: 'D1', payment: 'P1', instalmentPlan: '7' } })
    expect(draft.subject).toBeUndefined()
  })

  test('the subject is the claim, else the account', () => {
    expect(draftOf(payload(claim, { accountReference: 'A' })).subject).toBe('account/A')
    expect(draftOf(payload(claim, { accountReference: 'A', claimRef: 'C' })).subject).toBe('claim/C')
  })

  test.each([
    [{ claimRefs: ['C1', 'C2'] }, ['C1', 'C2']],
    [{ claims: [{ claimRef: 'C1' }, { receiveClaimRef: 'C2' }, {}, null] }, ['C1', 'C2']],
    [{ claims: [] }, undefined],
    [{ claims: 'C1' }, undefined],
  ])('claims of a payment for several: %j', (details, claims) => {
    expect(draftOf(payload('event.multiClaimDebtPayment.settled.v1', details)).data.claims).toEqual(claims)
  })

  test('who did it, where somebody did', () => {
    const actor = (user: unknown) => draftOf({ ...payload(claim), user }).data.actor
    expect(actor({ id: 'u', poolId: 'p', originator: 'ClientAPI' })).toEqual({ kind: 'client_api', id: 'u' })
    expect(actor({ id: 'u' })).toEqual({ kind: 'user', id: 'u' })
    expect(actor(undefined)).toBeUndefined()
    expect(actor(null)).toBeUndefined()
  })

  test('the key is id and type; without an id the content, and two without stay two', () => {
    expect(draftOf(payload(claim)).dedupe).toEqual(['m1', claim])
    const anonymous = (details: object) => draftOf({ ...payload(claim, details), messageId: null }).dedupe
    expect(anonymous({ claimRef: 'C1' })).toEqual(anonymous({ claimRef: 'C1' }))
    expect(anonymous({ claimRef: 'C1' })).not.toEqual(anonymous({ claimRef: 'C2' }))
  })
})

describe('receeve body', () => {
  const text = JSON.parse(created.body).payloadAsString as string
  const other = { ...payload('event.claim.updated.v1'), messageId: 'forged' }

  test('the signed text is read, never the copy beside it', () => {
    const result = source.adapter.normalise(
      post({ payload: other, payloadAsString: text }),
      normaliseOptions(source, 'receeve'),
    )
    expect('drafts' in result && result.drafts[0]).toMatchObject({
      type: 'claim.created',
      content: hash('sha256', text, 'hex'),
    })
  })

  test('a retry that is signed or laid out anew is no conflict', () => {
    const content = (body: string) => {
      const result = source.adapter.normalise(post(body), normaliseOptions(source, 'receeve'))
      return 'drafts' in result ? result.drafts[0].content : undefined
    }
    const { signature: _, ...unsigned } = JSON.parse(created.body)
    expect(content(JSON.stringify({ ...unsigned, signature: 'anew' }, null, 2))).toBe(content(created.body))
  })

  test.each([
    ['{', /not JSON/],
    ['{}', /neither payloadAsString nor payload/],
    ['{"payload":"x"}', /neither payloadAsString nor payload/],
    ['{"payload":{}}', /messageType/],
    [{ payload: other, payloadAsString: 1 }, /payloadAsString is no text/],
    [{ payload: other, payloadAsString: '{' }, /payloadAsString is no JSON object/],
    [{ payload: other, payloadAsString: '[]' }, /payloadAsString is no JSON object/],
  ])('%j waits', (body, reason) => {
    expect(reasonOf(body)).toMatch(reason)
  })

  test('is total over what the signed text may hold', () => {
    const value = fc.json().map(each => JSON.parse(each))
    fc.assert(
      fc.property(
        fc.constantFrom('event.claim.created.v1', 'event.multiClaimDebtPayment.settled.v1', 'x'),
        fc.record({
          claimRef: value,
          amount: value,
          currency: value,
          debtor: value,
          claims: value,
          dueDate: value,
          planId: value,
        }),
        fc.record({ messageId: value, timestamp: value, user: value }),
        (messageType, details, more) => {
          const body = post({ payloadAsString: JSON.stringify({ details: { ...details, messageType }, ...more }) })
          const events = eventsOf(source, 'receeve', body)
          if ('notUnderstood' in events) throw new Error(events.notUnderstood)
          for (const { type, data } of events) {
            if (isCatalogueType(type)) expect(catalogue[type].strict().safeParse(data).error).toBeUndefined()
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
