// The error codes of the whole program and their HTTP statuses, and nothing else.
// Expected outcomes (a check that fails, an event that is not understood) are values, not errors.

/** Code → HTTP status. A code is part of the API: it never changes its meaning. */
export const errorStatus = {
  bad_request: 400,
  bad_cursor: 400,
  unreadable_body: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  subscription_in_config: 409,
  subscription_removed: 409,
  not_matching: 409,
  not_settled: 409,
  lane_not_held: 409,
  too_many_subscriptions: 409,
  token_name_taken: 409,
  too_many_tokens: 409,
  position_gone: 410,
  body_too_large: 413,
  idempotency_key_reused: 422,
  unavailable: 503,
  store_full: 503,
  store_busy: 503,
  store_readonly: 503,
  store_failed: 503,
  store_unreachable: 503,
  identity_provider_unavailable: 503,
  store_refused: 500,
  config_invalid: 500,
  internal: 500,
} as const

export type ErrorCode = keyof typeof errorStatus

/** What a program may do about it: `parameter` or `pointer` names the culprit, `detail` says what to do. */
export interface ErrorDetail {
  parameter?: string
  pointer?: string
  detail: string
  /** Of a position that cannot be read on from: the one that can. */
  position?: string
}

/** The store is well, and does not take this: a mistake of ours, or what its engine refuses for its content. */
export function isUnstorable(error: unknown): error is AppError {
  return error instanceof AppError && (error.code === 'internal' || error.code === 'store_refused')
}

export class AppError extends Error {
  readonly code: ErrorCode
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean
  readonly errors: readonly ErrorDetail[]

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean; cause?: unknown; errors?: readonly ErrorDetail[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.retryable = options.retryable ?? errorStatus[code] === 503
    this.errors = options.errors ?? []
  }

  get status(): number {
    return errorStatus[this.code]
  }
}
