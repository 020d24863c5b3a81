// What fills the search index, over a log and an index of its own: what is wiped, and what is not; and how it ends.
import { createServer } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import { Filling } from '../../src/store/search/filling.ts'
import { IndexBusy, Indexer, type IndexState, rangeSize, type SearchIndex } from '../../src/store/search/indexer.ts'

test('what another node adds while it looks does not make the index look ahead of its log', async () => {
  let state: IndexState | null = { epoch: 'e', through: 10 }
  let head = 10
  const begun: IndexState[] = []
  const anotherAdds = () => {
    head += 5
    state = { epoch: 'e', through: head }
  }
  const index: SearchIndex = {
    async state() {
      const read = state
      anotherAdds()
      return read
    },
    async begin(each) {
      begun.push(each)
    },
    async add() {},
    ranges: async () => [],
    async drop() {},
    async sweep() {},
  }
  const log = {
    async extent() {
      const read = { head, oldest: 1, epoch: 'e' }
      anotherAdds()
      return read
    },
    page: async (_: number, through: number) => ({ entries: [], through }),
  }
  const indexer = new Indexer({ log, index, async remake() {}, owns: () => true, now: () => 0 })
  await indexer.turn()
  expect(begun).toEqual([])
  state = { epoch: 'e', through: 1_000 }
  await indexer.turn()
  expect(begun).toEqual([{ epoch: 'e', through: 0 }])
})

describe('ranges of which retention took something', () => {
  const hour = 3_600_000
  let now: number
  let read: Set<number>
  let done: number[]
  let added: number
  let indexer: Indexer
  let onSweep: () => void

  beforeEach(() => {
    now = 0
    read = new Set()
    done = []
    added = 0
    onSweep = () => {}
    const take = async (range: number) => {
      onSweep()
      if (read.has(range)) throw new IndexBusy()
      done.push(range)
    }
    const index: SearchIndex = {
      state: async () => ({ epoch: 'e', through: 3 * rangeSize }),
      async begin() {},
      async add() {
        added++
      },
      ranges: async () => [0, 1, 2],
      drop: take,
      sweep: take,
    }
    const log = {
      extent: async () => ({ head: 3 * rangeSize + added, oldest: rangeSize, epoch: 'e' }),
      page: async (_: number, through: number) => ({ entries: [], through }),
    }
    indexer = new Indexer({ log, index, async remake() {}, owns: () => true, now: () => now })
  })
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await indexer.turn()
  }

  test('are gone through without those that somebody reads on in, which come later', async () => {
    read.add(0).add(1)
    await turns(5)
    expect(done).toEqual([2])
    now += 61_000
    read.delete(0)
    await turns(5)
    expect(done).toEqual([2, 0])
    read.delete(1)
    await turns(5)
    expect(done).toEqual([2, 0])
    now += 61_000
    await turns(5)
    expect(done).toEqual([2, 0, 1])
  })

  test('are looked for where nobody tells, also while nothing comes', async () => {
    await turns(5)
    now += hour / 2
    await turns(5)
    expect(done).toEqual([0, 1, 2])
    now += hour / 2 + 1
    await turns(5)
    expect(done).toEqual([0, 1, 2, 0, 1, 2])
  })

  test('are gone through once more where retention tells of more meanwhile', async () => {
    onSweep = () => {
      onSweep = () => {}
      indexer.sweep()
    }
    await turns(5)
    expect(done).toEqual([0, 0, 1, 2])
  })
})

test('an index that cannot be begun since somebody reads on is tried again, after a rest', async () => {
  let begun = 0
  const index = {
    state: async () => null,
    async begin() {
      begun++
      throw new IndexBusy()
    },
  } as Partial<SearchIndex> as SearchIndex
  const log = {
    extent: async () => ({ head: 1, oldest: 1, epoch: 'e' }),
    page: async (_: number, through: number) => ({ entries: [], through }),
  }
  const indexer = new Indexer({ log, index, async remake() {}, owns: () => true, now: () => 0 })
  expect(await indexer.turn()).toBeGreaterThan(1_000)
  await indexer.turn()
  expect(begun).toBe(2)
})

test('a thread whose database does not answer is ended', async () => {
  const asked = Promise.withResolvers<void>()
  const server = createServer(socket => socket.on('error', () => {}).once('data', () => asked.resolve()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const options = {
    url: `postgres://user@127.0.0.1:${port}/none`,
    poolMax: 1,
    ackTimeoutMs: 1_000,
    node: 'node',
    leaseMs: 1_000,
  }
  const work = { engine: 'postgres', options, payloadOf: [] } as const
  const filling = new Filling({ work, owns: () => true, mayEndMs: 20 })
  await asked.promise
  const from = performance.now()
  await filling.close()
  expect(performance.now() - from).toBeLessThan(10_000)
  await new Promise(resolve => server.close(resolve))
})
