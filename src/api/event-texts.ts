// Many events as JSON, one chunk after another: their originals are read together, as far as memory allows.
import { eventJson } from '../store/event-json.ts'
import type { StoredEvent } from '../store/record.ts'
import type { Original, Store } from '../store/store.ts'
import { carriesOriginal, type Originals } from './originals.ts'

export interface EventText {
  event: StoredEvent
  text: string
}

/** Bytes of originals that are held at once; a single one may be larger. */
const originalBytesMax = 4 * 1024 * 1024

/** In the order of `events`; each chunk is made when the one before it has been taken. */
export async function* eventTexts(
  store: Pick<Store, 'originals'>,
  events: readonly StoredEvent[],
  originals: Originals,
): AsyncGenerator<EventText[]> {
  const textOf = (event: StoredEvent, original?: Original) => ({ event, text: eventJson(event, original) })
  let done = 0
  while (done < events.length) {
    const rest = events.slice(done)
    const wanted = rest.filter(event => carriesOriginal(event, originals))
    if (wanted.length === 0) {
      yield rest.map(event => textOf(event))
      return
    }
    const { originals: found, upTo } = await store.originals(wanted, originalBytesMax)
    const next = wanted.findIndex(({ sequence }) => sequence === upTo) + 1
    const chunk = next === wanted.length ? rest : rest.slice(0, rest.indexOf(wanted[next]!))
    done += chunk.length
    yield chunk.map(event => textOf(event, found.get(event.sequence)))
  }
}
