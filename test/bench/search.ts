// Searching by words: what the index costs, how fast it is filled and asked, and what ingest pays for it.
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { EventFilter, Store } from '../../src/store/store.ts'
import type { Bench } from './bench.ts'
import { closedLoop, percentiles, RequestFile } from './load.ts'
import { prefill } from './prefill.ts'
import { isAnswered, startPostern } from './processes.ts'
import { median, ms, note, rate, report } from './report.ts'
import { writeRequests } from './requests.ts'

const asked = 40

export async function search({ folder, quick, rounds, connections, seconds }: Bench): Promise<void> {
  const count = quick ? 100_000 : 1_000_000
  const home = join(folder, 'search')
  mkdirSync(home)
  const path = join(home, 'postern.db')
  note(`storing ${count} events to be searched`)
  await prefill(path, count)
  const store = await openSqliteStore(path, undefined, { payloadOf: [] })
  await fill(store, path, count)
  await ask(store, count)
  await store.close()

  const total = connections * 400 + (quick ? 150_000 : 400_000)
  writeRequests(join(folder, 'search-requests'), count, total)
  const requests = new RequestFile(join(folder, 'search-requests'))
  const found: Record<string, number[]> = { off: [], on: [], asked: [] }
  for (let round = 0; round < rounds; round++) {
    for (const way of Object.keys(found)) {
      const own = join(folder, `search-${way}-${round}`)
      mkdirSync(own)
      const postern = await startPostern(own, { POSTERN_SEARCH: way === 'off' ? 'off' : 'on' })
      await closedLoop(postern.port, requests, { connections, seconds: 1 })
      const asking = way === 'asked' ? askAllTheTime(postern.port) : undefined
      const run = await closedLoop(postern.port, requests, { connections, seconds })
      found[way]!.push(run.perSecond)
      const searches = await asking?.()
      if (searches) note(`round ${round + 1}: ${searches.answered} searches answered, ${searches.refused} refused`)
      await postern.stop()
    }
  }
  const [off, on, searching] = ['off', 'on', 'asked'].map(way => median(found[way]!)) as [number, number, number]
  note(`ingest without an index, with one, and while searches run: ${[off, on, searching].map(rate).join(', ')}`)
  report('ingest with the index', `${(on / off).toFixed(2)} of without`, '≥ 0.90', on / off >= 0.9)
  report('ingest while searches run', `${(searching / on).toFixed(2)} of with it`, '≥ 0.90', searching / on >= 0.9)
}

async function fill(store: Store, path: string, count: number): Promise<void> {
  const from = performance.now()
  while ((await store.search.progress())?.behind !== 0) await new Promise(resolve => setTimeout(resolve, 100))
  const elapsed = performance.now() - from
  report('search index: filled', `${rate((count * 1000) / elapsed)}, ${ms((elapsed * 1000) / count)} a thousand`)
  report('search index: bytes an event', (statSync(`${path}-search`).size / count).toFixed(0))
}

async function ask(store: Store, count: number): Promise<void> {
  const { events } = await store.list({ filter: {}, order: 'oldest', limit: 1, from: Math.floor(count / 3) })
  const { subject, vendorid } = events[0]!
  const questions: Record<string, EventFilter> = {
    'a word of every event': { q: 'banclo' },
    'one loan': { q: subject! },
    "a vendor's id": { q: vendorid! },
    'what is nowhere': { q: 'nowhere' },
    'a word of every event, of one loan': { q: 'bid', subject: subject! },
    'a word of every event, of a type that is not there': { q: 'bid', type: ['payment.*'] },
    'the beginning of many words': { q: 'ab*' },
    'a phrase that is nowhere, of words of every event': { q: '"changed status banclo"' },
  }
  for (const [what, filter] of Object.entries(questions)) {
    for (const order of ['newest', 'oldest'] as const) {
      const times: number[] = []
      for (let at = 0; at < asked; at++) {
        const from = performance.now()
        await store.list({ filter, order, limit: 50 })
        times.push(performance.now() - from)
      }
      const { p50, p99 } = percentiles(times)
      report(`search, ${order}: ${what}`, `p50 ${ms(p50)}, p99 ${ms(p99)}`, '≤ 200 ms', p99 <= 200)
    }
  }
}

/** One search after another; returns how to end them, which says how many were answered and how many refused. */
function askAllTheTime(port: number): () => Promise<{ answered: number; refused: number }> {
  let isOver = false
  const count = { answered: 0, refused: 0 }
  const running = (async () => {
    for (let at = 0; !isOver; at++) {
      const q = ['banclo', 'nowhere', 'APP-1*', '%22status changed%22'][at % 4]
      if (await isAnswered(port, `/events?q=${q}`)) count.answered++
      else count.refused++
    }
  })()
  return async () => {
    isOver = true
    await running
    return count
  }
}
