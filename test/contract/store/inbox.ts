// What a suite needs of an engine: an inbox of its own, that can be closed and opened again.
import { afterAll, beforeAll } from 'vitest'
import type { Store } from '../../../src/store/store.ts'

export interface OpenedStore {
  readonly store: Store
  /** Closes it and opens the same one again. */
  reopen(): Promise<Store>
  /** Time passes until every lease is one of somebody who is no more, where that is a matter of time. */
  lapse(): Promise<void>
  /** Closes it and removes what was kept. */
  remove(): Promise<void>
}

/** Opens a new, empty inbox. */
export type OpenStore = () => Promise<OpenedStore>

/** One inbox for all tests of a `describe`. */
export function inboxFor(open: OpenStore): { readonly store: Store; reopen(): Promise<Store> } {
  let opened: OpenedStore
  beforeAll(async () => {
    opened = await open()
  })
  afterAll(() => opened.remove())
  return {
    get store() {
      return opened.store
    },
    reopen: () => opened.reopen(),
  }
}

/** An inbox of one test's own. */
export async function withInbox(open: OpenStore, use: (opened: OpenedStore) => Promise<void>): Promise<void> {
  const opened = await open()
  try {
    await use(opened)
  } finally {
    await opened.remove()
  }
}
