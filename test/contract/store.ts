// The suite that every store passes, whichever engine keeps it. A new engine's test is a call of it.
import { describe } from 'vitest'
import { testAppends } from './store/appends.ts'
import { testDeliveries } from './store/deliveries.ts'
import { testEntries } from './store/entries.ts'
import { testFigures } from './store/figures.ts'
import type { OpenStore } from './store/inbox.ts'
import { testLargeData } from './store/large-data.ts'
import { testLists } from './store/lists.ts'
import { testRetention } from './store/retention.ts'
import { testSearch } from './store/search.ts'
import { testTexts } from './store/texts.ts'
import { testTimelines } from './store/timeline.ts'
import { testTokens } from './store/tokens.ts'

export interface StoreEngine {
  name: string
  open: OpenStore
  /** The same, and it can be searched: see `searchedPayloads`. */
  openSearched: OpenStore
}

export function testStore({ name, open, openSearched }: StoreEngine): void {
  describe(`the inbox on ${name}`, () => {
    testAppends(open)
    testEntries(open)
    testLists(open)
    testLargeData(open)
    testTimelines(open)
    testFigures(open)
    testRetention(open)
    testTexts(open)
    testSearch(openSearched)
    testDeliveries(open)
    testTokens(open)
  })
}
