// From request to subscriber: how many a second, how late, and what one costs the others. In turn with the ceiling of
// the same run, since machines are noisy.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { closedLoop, openLoop, percentiles, RequestFile } from './load.ts'
import { type BenchSubscriber, type Running, startPostern, startRival, startSubscriber, token } from './processes.ts'
import { list, median, ms, note, rate, report, spread } from './report.ts'
import { writeRequests } from './requests.ts'

export interface Setting {
  postern: Running
  requests: RequestFile
  subscribers: BenchSubscriber[]
}

let settings = 0

/** A gateway with so many HTTP subscribers and handlers, and requests that it has not seen. */
async function withSetting(
  { folder, quick }: Bench,
  { http = 0, handlers = 0, silent = 0 }: { http?: number; handlers?: number; silent?: number },
  use: (setting: Setting) => Promise<void>,
): Promise<void> {
  const home = join(folder, `delivering-${++settings}`)
  mkdirSync(home)
  const path = join(home, 'requests')
  writeRequests(path, settings * 1_000_000, quick ? 60_000 : 200_000)
  const subscribers = await Promise.all([
    ...Array.from({ length: http }, () => startSubscriber()),
    ...Array.from({ length: silent }, () => startSubscriber(true)),
  ])
  const postern = await startPostern(home, {
    SUBSCRIBERS: subscribers.map(({ url }) => url).join(' '),
    HANDLERS: String(handlers),
  })
  try {
    await use({ postern, requests: new RequestFile(path), subscribers: subscribers.slice(0, http) })
  } finally {
    await postern.stop()
    await Promise.all(subscribers.map(subscriber => subscriber.stop()))
  }
}

export async function delivering(bench: Bench): Promise<void> {
  const { quick, rounds } = bench
  const seconds = quick ? 2 : 6
  await withSetting(bench, { http: 1 }, async setting => {
    const { rates, ingest, ceilings } = await endToEnd(bench, setting, seconds)
    report('request to one HTTP subscriber, ingest running', `${spread(rates)}`, '≥ 3000/s', median(rates) >= 3_000)
    const shares = ingest.map((each, round) => each / ceilings[round]!)
    report(
      'ingest while one HTTP subscription drains ÷ ceiling',
      `${median(shares).toFixed(2)} (${list(shares)}; ${spread(ingest)})`,
      '≥ 0.3',
      median(shares) >= 0.3,
    )
    const { p50, p99 } = await latency(bench, setting, 500)
    report('acknowledged to received at 500/s: p50', `${ms(median(p50))} (${list(p50)})`, '≤ 10 ms', median(p50) <= 10)
    report('acknowledged to received at 500/s: p99', `${ms(median(p99))} (${list(p99)})`, '≤ 60 ms', median(p99) <= 60)
  })
  await withSetting(bench, { http: 5 }, async setting => {
    const { rates } = await endToEnd(bench, setting, seconds)
    report('request to each of five HTTP subscribers', `${spread(rates)}, ${rate(median(rates) * 5)} deliveries`)
  })
  await withSetting(bench, { handlers: 1 }, async ({ postern, requests }) => {
    const rates: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const before = await delivered(postern)
      const started = performance.now()
      const { sent } = await closedLoop(postern.port, requests, { connections: bench.connections, seconds })
      await until(async () => (await delivered(postern)) >= before + sent)
      // The first round starts the worker.
      if (round > 0) rates.push(sent / ((performance.now() - started) / 1000))
    }
    report('request to a local handler, ingest running', spread(rates), '≥ 6000/s', median(rates) >= 6_000)
  })
  const beside: number[] = []
  const alone: number[] = []
  for (const silent of [0, 1]) {
    await withSetting(bench, { http: 1, silent }, async setting => {
      const { rates } = await endToEnd(bench, setting, seconds)
      ;(silent === 0 ? alone : beside).push(...rates)
    })
  }
  const change = 1 - median(beside) / median(alone)
  report(
    'lost to others by one that never answers',
    `${(change * 100).toFixed(0)} % (${rate(median(alone))} → ${rate(median(beside))})`,
    '< 10 %',
    change < 0.1,
  )
}

/** Events a second from the first request to the last receipt; and what was taken in meanwhile, beside the ceiling. */
export async function endToEnd({ folder, quick, rounds, connections }: Bench, setting: Setting, seconds: number) {
  const { postern, requests, subscribers } = setting
  const rates: number[] = []
  const ingest: number[] = []
  const ceilings: number[] = []
  await openLoop(postern.port, requests.take(2_000), { perSecond: 1e9 })
  await Promise.all(subscribers.map(subscriber => until(async () => (await subscriber.count()) >= 2_000)))
  for (let round = 0; round < rounds; round++) {
    const rival = await startRival('ceiling', join(folder, 'none.db'))
    const again = new RequestFile(requests.path)
    await closedLoop(rival.port, again, { connections, seconds: 1 })
    ceilings.push((await closedLoop(rival.port, again, { connections, seconds: quick ? 2 : 4 })).perSecond)
    await rival.stop()

    await Promise.all(subscribers.map(subscriber => subscriber.forget()))
    const started = performance.now()
    const { sent, perSecond } = await closedLoop(postern.port, requests, { connections, seconds })
    ingest.push(perSecond)
    await Promise.all(subscribers.map(subscriber => until(async () => (await subscriber.count()) >= sent)))
    rates.push(sent / ((performance.now() - started) / 1000))
    note(
      `round ${round + 1}: ${rate(rates[round]!)} end to end, ${rate(ingest[round]!)} taken in, ceiling ${rate(ceilings[round]!)}`,
    )
  }
  return { rates, ingest, ceilings }
}

/** From the acknowledgement to the receipt. */
export async function latency(
  { quick, rounds }: Bench,
  { postern, requests, subscribers }: Setting,
  perSecond: number,
): Promise<{ p50: number[]; p99: number[] }> {
  const found = { p50: [] as number[], p99: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    await subscribers[0]!.forget()
    const some = requests.take(perSecond * (quick ? 3 : 8))
    const acknowledged = new Map<string, number>()
    await openLoop(postern.port, some, {
      perSecond,
      answered: text =>
        acknowledged.set(/"id":"(evt_\w+)"/.exec(text)?.[1] ?? '', performance.timeOrigin + performance.now()),
    })
    await until(async () => (await subscribers[0]!.count()) >= some.length)
    const { p50, p99 } = percentiles((await subscribers[0]!.times()).map(([id, at]) => at - acknowledged.get(id)!))
    found.p50.push(p50)
    found.p99.push(p99)
  }
  return found
}

/** Deliveries that succeeded, of all subscriptions. */
async function delivered({ port }: Running): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  const text = await answer.text()
  return [...text.matchAll(/^postern_deliveries\{[^}]*state="succeeded"[^}]*\} (\d+)/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('what was sent did not arrive within two minutes')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
