// The calls that one worker's handlers make to vendors' APIs: made here, where the credentials are, for the source of
// the event that the handler was given and no other.
import type { StoredEvent } from '../../store/record.ts'
import type { VendorFetch } from '../vendor-api.ts'
import type { CallRequest, ToWorker } from './handler-messages.ts'

/** At once; a handler that starts more is told so. */
const callsMax = 256

export class VendorCalls {
  readonly #fetch: VendorFetch
  readonly #send: (message: ToWorker) => void
  readonly #underWay = new Map<number, AbortController>()

  constructor(fetch: VendorFetch, send: (message: ToWorker) => void) {
    this.#fetch = fetch
    this.#send = send
  }

  /** `event` is undefined where the delivery is over. */
  begin(
    { call, path, request }: { call: number; path: string; request: CallRequest },
    event: StoredEvent | undefined,
  ): void {
    const answer = (answer: Extract<ToWorker, { kind: 'answer' }>['answer']) => {
      if (this.#underWay.delete(call)) this.#send({ kind: 'answer', call, answer })
    }
    const controller = new AbortController()
    this.#underWay.set(call, controller)
    if (event === undefined) answer('the delivery is over')
    else if (this.#underWay.size > callsMax) answer(`more than ${callsMax} calls at once`)
    else {
      const { source } = event
      this.#fetch({ source, instance: instanceOf(event), path, ...request, signal: controller.signal }).then(
        answer,
        error => answer(error instanceof Error ? error.message : String(error)),
      )
    }
  }

  hangUp(call: number): void {
    this.#underWay.get(call)?.abort()
    this.#underWay.delete(call)
  }

  close(): void {
    for (const call of [...this.#underWay.keys()]) this.hangUp(call)
  }
}

/** The vendor's instance that sent the event, where it says so. */
function instanceOf({ data }: StoredEvent): string | undefined {
  const { instance } = JSON.parse(data) as { instance?: unknown }
  return typeof instance === 'string' ? instance : undefined
}
