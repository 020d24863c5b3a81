// Many events as JSON, one chunk after another or as a page: their originals are read together, as far as memory allows.
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
/** Characters after which a page ends: with originals, 500 events could be gigabytes. */
const pageLengthMax = 8 * 1024 * 1024

/** The texts of a page; `cut`, where it was cut short, is the last event that is in it: the next page goes on behind. */
export async function pageTexts(
  store: Pick<Store, 'originals'>,
  events: readonly StoredEvent[],
  originals: Originals,
): Promise<{ items: string[]; cut: number | undefined }> {
  const items: string[] = []
  let length = 0
  for await (const chunk of eventTexts(store, events, originals)) {
    for (const { event, text } of chunk) {
      length += text.length
      items.push(text)
      if (length > pageLengthMax && items.length < events.length) return { items, cut: event.sequence }
    }
  }
  return { items, cut: undefined }
}

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
