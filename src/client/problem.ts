// What can go wrong with a call: an answer that is a problem (RFC 9457), or none at all.

/** One thing that is wrong, at its place. */
export interface ProblemDetail {
  /** A parameter of the query, or a header. */
  parameter?: string
  /** A member of the body (RFC 6901). */
  pointer?: string
  detail: string
  /** Of a position that cannot be read on from: the one that can, to give as `after`. */
  position?: string
}

/** An answer of 400 and above. `code` never changes its meaning; `message` is for people. */
export class PosternProblem extends Error {
  override readonly name = 'PosternProblem'
  readonly status: number
  readonly code: string
  readonly errors: readonly ProblemDetail[]
  /** How long the gateway asks to be left alone; null where it does not say. */
  readonly retryAfterMs: number | null

  constructor(
    status: number,
    {
      code,
      detail,
      errors,
      retryAfterMs,
    }: { code: string; detail: string; errors?: readonly ProblemDetail[]; retryAfterMs?: number | null },
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.errors = errors ?? []
    this.retryAfterMs = retryAfterMs ?? null
  }

  /** Of `position_gone`: the oldest position that can be read on from, to give as `after`. */
  get oldest(): string | undefined {
    return this.errors.find(({ position }) => position !== undefined)?.position
  }

  /** Whether the same call may succeed later without a change. */
  get isPassing(): boolean {
    return this.status >= 500 || this.status === 408 || this.status === 429
  }
}

/** No answer, or one that broke off. Its `cause` is what `fetch` threw. */
export class PosternUnreachable extends Error {
  override readonly name = 'PosternUnreachable'
}

/** The problem that an answer is, whatever is in it: a proxy's page too. */
export async function problemOf(response: Response): Promise<PosternProblem> {
  const { status, headers } = response
  const retryAfterMs = retryAfter(headers.get('retry-after'))
  const said = await response.json().catch(() => undefined)
  if (isProblem(said)) return new PosternProblem(status, { ...said, retryAfterMs })
  return strangersAnswer(status, retryAfterMs)
}

/** Something else answers where a gateway was looked for: a proxy, or its page to sign in. */
export function strangersAnswer(status: number, retryAfterMs: number | null = null): PosternProblem {
  return new PosternProblem(status, { code: 'unknown', detail: `${status}: not an answer of Postern's`, retryAfterMs })
}

function isProblem(value: unknown): value is { code: string; detail: string; errors?: ProblemDetail[] } {
  const { code, detail, errors } = (value ?? {}) as Record<string, unknown>
  return typeof code === 'string' && typeof detail === 'string' && (errors === undefined || Array.isArray(errors))
}

/** Seconds, or a date. */
function retryAfter(header: string | null): number | null {
  if (header === null) return null
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}
