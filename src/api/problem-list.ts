// Each code of a problem with when it comes and an example: what the document and the reference page say of it.
import type { ErrorCode, ErrorDetail } from '../errors.ts'

interface ProblemEntry {
  when: string
  /** Of the example. */
  detail: string
  errors?: readonly ErrorDetail[]
}

const limit = { parameter: 'limit', detail: 'expected a number from 1 to 500' }
const cursor = { parameter: 'cursor', detail: 'give back the `next` of the same list with the same filters' }
const scope = { parameter: 'Authorization', detail: "this takes a token with the scope 'operate'" }
const position = {
  parameter: 'after',
  detail: 'the oldest event kept is 0000000000000301: read on from 300',
  position: '0000000000000300',
}
const key = { parameter: 'Idempotency-Key', detail: 'this key was given before, for another replay' }

/** Those that the API answers with; the others are of the entrance and of the start. */
export const problemList: Partial<Record<ErrorCode, ProblemEntry>> = {
  bad_request: {
    when: 'a parameter or the body is wrong',
    detail: `the parameter limit is wrong: ${limit.detail}`,
    errors: [limit],
  },
  bad_cursor: {
    when: 'not the `next` of this list with these filters',
    detail: 'the cursor is not one of this list',
    errors: [cursor],
  },
  unauthenticated: { when: 'no token, or a wrong one', detail: 'send `Authorization: Bearer <token>`' },
  forbidden: {
    when: 'the token has not the scope, or is limited to sources and this is not about one',
    detail: scope.detail,
    errors: [scope],
  },
  not_found: { when: 'there is none', detail: 'there is no such resource' },
  subscription_in_config: {
    when: "it is the configuration file's, and changed there",
    detail: 'loan-book is a subscription of the configuration file',
  },
  subscription_removed: {
    when: 'the subscription delivers nothing more',
    detail: 'the subscription loan-book was removed, and delivers nothing more',
  },
  not_matching: {
    when: 'the subscription does not ask for this event',
    detail: 'loan-book does not get this event: it does not ask for it',
  },
  not_settled: {
    when: 'only a delivery that is dead, skipped or cancelled is tried again',
    detail: 'this delivery is pending: only one that is dead, skipped or cancelled is tried again',
  },
  lane_not_held: {
    when: 'nothing holds the lane',
    detail: 'nothing of loan/K0Z1Q is held: no delivery at the head of its lane is failing',
  },
  too_many_subscriptions: {
    when: '200 subscriptions are made over the API already',
    detail: 'there are 200 subscriptions made here: delete one first',
  },
  token_name_taken: { when: 'another token has the name', detail: 'there is a token loan-book: revoke it first' },
  too_many_tokens: {
    when: 'there are as many tokens as there may be',
    detail: 'there are 1000 tokens: revoke one first',
  },
  position_gone: {
    when: 'the log no longer reaches back so far: `errors` names the oldest position',
    detail: 'the position 12 cannot be read on from: events behind it are gone',
    errors: [position],
  },
  body_too_large: { when: 'the body is larger than 64 KiB', detail: 'the body is larger than 64 KiB' },
  idempotency_key_reused: {
    when: 'the key was given before, for another replay',
    detail: key.detail,
    errors: [key],
  },
  store_refused: { when: 'the store does not take this', detail: 'something went wrong here: the log has more' },
  internal: { when: 'a mistake of ours: the log has more', detail: 'something went wrong here: the log has more' },
  unavailable: { when: 'try again after `Retry-After`', detail: 'try again later' },
  store_full: { when: 'the disk is full', detail: 'the store cannot take more' },
  store_busy: { when: 'the store is busy', detail: 'the store is busy' },
  store_readonly: { when: 'the store cannot be written to', detail: 'the store cannot be written to' },
  store_failed: { when: 'the store has failed', detail: 'the store has failed' },
  store_unreachable: { when: 'the database is away', detail: 'the database cannot be reached' },
}

/** Every code that an answer of the API may have; which methods a path takes is no route's own problem. */
export const apiCodes = ['method_not_allowed', ...Object.keys(problemList)] as [ErrorCode, ...ErrorCode[]]
