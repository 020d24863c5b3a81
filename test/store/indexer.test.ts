// What fills the search index, over a log and an index of its own: what is wiped, and what is not; and how it ends.
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { Filling } from '../../src/store/search/filling.ts'
import { Indexer, type IndexState, type SearchIndex } from '../../src/store/search/indexer.ts'

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
