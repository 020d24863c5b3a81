// The inbox API beside a large log: what people and programs ask, one after another over HTTP, as it is served; an export
// of all of it; and what that costs the vendors meanwhile.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Bench } from './bench.ts'
import { closedLoop, percentiles, RequestFile } from './load.ts'
import { isAnswered, type Running, residentMiB, startPostern, token } from './processes.ts'
import { list, median, ms, note, rate, report } from './report.ts'
import { writeRequests } from './requests.ts'
import { fillDeliveries, fillStories, storyOf, wholeStories } from './stories.ts'

/** Requests of one kind: enough for a 99th percentile. */
const asked = 300
/** Of the first and of the last pages of a list. */
const pagesCompared = 40
const perMinute = 700

type Ask = (path: string) => Promise<string>

export async function inbox(bench: Bench): Promise<void> {
  const count = bench.quick ? 100_000 : 1_000_000
  const home = join(bench.folder, 'inbox-api')
  mkdirSync(home)
  const path = join(home, 'postern.db')
  const began = performance.now()
  await fillStories(path, count, perMinute)
  fillDeliveries(path)
  const stories = wholeStories(count)
  note(`${count} events stored in ${((performance.now() - began) / 1000).toFixed(0)} s, of ${stories} whole stories`)
  await during(home, async (_, ask) => {
    await indexed(ask)
    await merged(path, count)
    await lists(ask, count, stories)
    await pages(ask, bench)
    await searches(ask, stories)
    await single(ask, stories)
  })
  // Each begins anew: what it holds in memory is its own.
  await during(home, (postern, ask) => exported(postern, ask, count))
  await during(home, postern => beside(postern, bench, stories))
}

async function during(home: string, run: (postern: Running, ask: Ask) => Promise<void>): Promise<void> {
  const postern = await startPostern(home)
  try {
    await run(postern, asker(postern))
  } finally {
    await postern.stop()
  }
}

/** What takes part in a measurement is spread over all there is, the same in every run. */
function anywhere(index: number, size: number): number {
  return (index * 2_654_435_761) % size
}

/** Waits for the search index, where there is one. */
async function indexed(ask: Ask): Promise<void> {
  const since = performance.now()
  for (;;) {
    const { search } = JSON.parse(await ask('/stats')) as { search: { behind: number } | null }
    if (search === null) note('nothing is searched')
    if (search === null || search.behind === 0) break
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  note(`the search index was through after ${((performance.now() - since) / 1000).toFixed(0)} s`)
}

/** Waits for the index of refs: what was stored all at once is merged as what came over months would have been. */
async function merged(path: string, count: number): Promise<void> {
  const db = new Sqlite(path, { readonly: true })
  const wide = () => db.prepare('select merged from log').pluck().get() as number
  const since = performance.now()
  while (wide() < Math.floor((count + 1) / 32_768)) await new Promise(resolve => setTimeout(resolve, 500))
  db.close()
  note(`refs were merged after ${((performance.now() - since) / 1000).toFixed(0)} s more`)
}

async function lists(ask: Ask, count: number, stories: number): Promise<void> {
  const time = (index: number) => new Date(Date.now() - (anywhere(index, count) / perMinute) * 60_000).toISOString()
  const filters: Record<string, (index: number) => string> = {
    none: () => '',
    source: index => `source=${['banclo', 'ballerine', 'arix', 'embarc', 'receeve'][index % 5]}`,
    'source by a glob': () => 'source=b*',
    vendor: () => 'vendor=embarc',
    type: index => `type=${['loan.status_changed', 'payment.received', 'claim.created', 'client.created'][index % 4]}`,
    'type by a glob': () => 'type=loan.*',
    'type that nobody sends': () => 'type=nothing.at_all',
    vendorType: () => 'vendorType=LOAN.*',
    subject: index => `subject=loan/${anywhere(index, stories)}`,
    'ref: loan': index => `ref=loan:${storyOf(anywhere(index, stories)).loan}`,
    'ref: application': index => `ref=application:${storyOf(anywhere(index, stories)).application}`,
    'ref: bank': index => `ref=bank:B${index % 12}`,
    'ref that nobody has': index => `ref=loan:nobody-${index}`,
    receivedAfter: index => `receivedAfter=${time(index)}`,
    receivedBefore: index => `receivedBefore=${time(index)}`,
  }
  for (const order of ['newest', 'oldest']) {
    const worst: [name: string, p99: number][] = []
    for (const [name, filter] of Object.entries(filters)) {
      const { p50, p99 } = await timed(index => ask(`/events?order=${order}&${filter(index)}`))
      note(`list, ${order} first, ${name}: p50 ${ms(p50)}, p99 ${ms(p99)}`)
      worst.push([name, p99])
    }
    const [name, p99] = worst.sort((a, b) => b[1] - a[1])[0]!
    report(`lists of ${count} by one filter, ${order} first: worst p99`, `${ms(p99)} (${name})`, '≤ 50 ms', p99 <= 50)
  }
}

/** Every page of the whole log: the last ones against the first. */
async function pages(ask: Ask, { quick }: Bench): Promise<void> {
  const times: number[] = []
  let cursor = ''
  for (;;) {
    const at = performance.now()
    const { next } = JSON.parse(await ask(`/events?limit=${quick ? 200 : 500}${cursor}`)) as { next: string | null }
    times.push(performance.now() - at)
    if (next === null) break
    cursor = `&cursor=${encodeURIComponent(next)}`
  }
  const first = median(times.slice(1, 1 + pagesCompared))
  const last = median(times.slice(-pagesCompared - 1, -1))
  report(
    `the last pages of ${times.length} against the first`,
    `${ms(first)}, ${ms(last)} (×${(last / first).toFixed(2)})`,
    '≤ ×1.3',
    last / first <= 1.3,
  )
}

async function searches(ask: Ask, stories: number): Promise<void> {
  const there = await ask('/events?q=nothing').then(
    () => true,
    () => false,
  )
  if (!there) return note('a list takes no q: nothing is searched')
  const questions: Record<string, (index: number) => string> = {
    'an application': index => storyOf(anywhere(index, stories)).application,
    'a common word': () => 'in_review',
    'two words': index => `embarc ${storyOf(anywhere(index, stories)).application}`,
    'the beginning of a word': index => `APP-${String(anywhere(index, stories)).padStart(8, '0').slice(0, 5)}*`,
    'what nobody said': index => `nobody${index}`,
  }
  const worst: number[] = []
  for (const [name, question] of Object.entries(questions)) {
    const { p50, p99 } = await timed(index => ask(`/events?q=${encodeURIComponent(question(index))}`))
    note(`search for ${name}: p50 ${ms(p50)}, p99 ${ms(p99)}`)
    worst.push(p99)
  }
  report('searches: worst p99', ms(Math.max(...worst)), '≤ 200 ms', Math.max(...worst) <= 200)
}

async function single(ask: Ask, stories: number): Promise<void> {
  const ids: string[] = []
  for (let index = 0; index < asked; index++) {
    const { items } = JSON.parse(await ask(`/events?limit=1&subject=loan/${anywhere(index, stories)}`)) as Page
    ids.push(items[0]!.id)
  }
  const both = (index: number) => Promise.all([ask(`/events/${ids[index]}`), ask(`/events/${ids[index]}/deliveries`)])
  const one = await timed(both)
  report('one event with its deliveries: p99', `${ms(one.p99)} (p50 ${ms(one.p50)})`, '≤ 20 ms', one.p99 <= 20)

  let linked = 0
  const timeline = await timed(async index => {
    const story = storyOf(anywhere(index, stories))
    const subject = [`loan/${story.loan}`, `loan/${story.guid}`, `claim/claim-${story.number}`, `loan/${story.number}`][
      index % 4
    ]!
    const { subjects } = JSON.parse(await ask(`/timeline?subject=${subject}`)) as { subjects: unknown[] }
    linked += subjects.length - 1
  })
  note(`a timeline has ${(linked / asked).toFixed(1)} linked subjects`)
  const { p50, p99 } = timeline
  report('a timeline across five vendors: p99', `${ms(p99)} (p50 ${ms(p50)})`, '≤ 50 ms', p99 <= 50 && linked > asked)

  const stats = await timed(() => ask('/stats'))
  report('the figures: p99', `${ms(stats.p99)} (p50 ${ms(stats.p50)})`, '≤ 50 ms', stats.p99 <= 50)
}

async function exported(postern: Running, ask: Ask, count: number): Promise<void> {
  for (let index = 0; index < 50; index++) await ask('/events')
  const before = residentMiB(postern.pid)
  let highest = before
  const watch = setInterval(() => {
    highest = Math.max(highest, residentMiB(postern.pid))
  }, 50)
  const at = performance.now()
  const answer = await fetch(`http://127.0.0.1:${postern.port}/api/v1/events/export`, { headers })
  let lines = 0
  for await (const chunk of answer.body!)
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
  const perSecond = lines / ((performance.now() - at) / 1000)
  clearInterval(watch)
  if (lines !== count) throw new Error(`${lines} of ${count} events were exported`)
  report(`an export of ${count} events`, rate(perSecond), '≥ 20,000/s', perSecond >= 20_000)
  const more = highest - before
  report('resident memory more meanwhile', `${more.toFixed(0)} MiB (of ${before.toFixed(0)})`, '< 100 MiB', more < 100)
}

/** Vendors post as fast as they can: alone, and while somebody lists and searches without a pause. */
async function beside(postern: Running, bench: Bench, stories: number): Promise<void> {
  const path = join(bench.folder, 'inbox-requests')
  writeRequests(path, 0, bench.quick ? 120_000 : 400_000)
  const requests = new RequestFile(path)
  const { connections, rounds, seconds } = bench
  const load = async () => (await closedLoop(postern.port, requests, { connections, seconds })).perSecond
  await load()
  const ratios: number[] = []
  const paces: number[] = []
  for (let round = 0; round < rounds; round++) {
    const alone = await load()
    let reads = 0
    let refused = 0
    let isOver = false
    const reading = (async () => {
      for (let at = 0; !isOver; at++) {
        const story = storyOf(anywhere(at, stories))
        const paths = [
          '/events',
          '/events?type=loan.*',
          `/events?ref=application:${story.application}`,
          `/events?q=${story.application}`,
        ]
        if (await isAnswered(postern.port, paths[at % paths.length]!)) reads++
        else refused++
        await new Promise(resolve => setTimeout(resolve, readEveryMs))
      }
    })()
    const with_ = await load()
    isOver = true
    await reading
    note(
      `round ${round + 1}: ${rate(alone)} alone, ${rate(with_)} beside ${reads} lists and searches, ${refused} refused`,
    )
    ratios.push(with_ / alone)
    paces.push(reads / seconds)
  }
  const what = `ingest beside ${rate(median(paces))} lists and searches, of what it is alone`
  report(what, list(ratios), '≥ 0.90', median(ratios) >= 0.9)
}

/** Between two lists or searches: what a busy team with its programs comes to, ten and more a second. */
const readEveryMs = 50

interface Page {
  items: { id: string }[]
}

const headers = { authorization: `Bearer ${token}` }

function asker(postern: Running): Ask {
  return async path => {
    const answer = await fetch(`http://127.0.0.1:${postern.port}/api/v1${path}`, { headers })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${text}`)
    return text
  }
}

async function timed(run: (index: number) => Promise<unknown>) {
  const times: number[] = []
  // The first ones find nothing in memory.
  for (let index = 0; index < 10; index++) await run(index)
  for (let index = 0; index < asked; index++) {
    const at = performance.now()
    await run(index)
    times.push(performance.now() - at)
  }
  return percentiles(times)
}
