// Requests to servers of this process whose connections have closed, as the servers see it: a client knows it sooner.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'

const channel = 'http.server.request.start'

/** From now on counts those whose target has `part` in it. */
export function closings(part: string): { readonly count: number; stop(): void } {
  let count = 0
  const watch = (message: unknown) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }
    if (request.url?.includes(part)) response.once('close', () => count++)
  }
  subscribe(channel, watch)
  return {
    get count() {
      return count
    },
    stop: () => void unsubscribe(channel, watch),
  }
}
