// The suite that every store passes, whichever engine keeps it. A new engine's test is a call of it.
import { describe } from 'vitest'
import { testAppends } from './store/appends.ts'
import { testDeliveries } from './store/deliveries.ts'
import { testEntries } from './store/entries.ts'
import { testFigures } from './store/figures.ts'
import type { OpenStore } from './store/inbox.ts'
import { testLists } from './store/lists.ts'
import { testRetention } from './store/retention.ts'
import { testTexts } from './store/texts.ts'
import { testTimelines } from './store/timeline.ts'
import { testTokens } from './store/tokens.ts'

export interface StoreEngine {
  name: string
  open: OpenStore
}

export function testStore({ name, open }: StoreEngine): void {
  describe(`the inbox on ${name}`, () => {
    testAppends(open)
    testEntries(open)
    testLists(open)
    testTimelines(open)
    testFigures(open)
    testRetention(open)
    testTexts(open)
    testDeliveries(open)
    testTokens(open)
  })
}
