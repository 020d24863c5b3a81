// What acknowledging costs: Postern in turn with the ceiling and the naive way, then how late it answers at half of its
// maximum, and whether what it acknowledged is there.
import type { Bench } from './bench.ts'
import { closedLoop, type Latencies, openLoop, RequestFile } from './load.ts'
import { type RivalKind, type Running, startRival } from './processes.ts'
import { list, median, ms, note, rate, report, spread } from './report.ts'

/** Seconds before each measurement: a new process's first requests are slow, the rivals' and ours alike. */
const warmUp = 2

export interface IngestSetting {
  postern: Running
  /** Requests that Postern has not seen; the rivals are sent the first of them every time. */
  requests: RequestFile
  naive: RivalKind
  /** Where the naive way stores what it takes in this round. */
  naiveDatabase(round: number): string
  bars: { ceiling: number; naive: number; p99Ms: number }
}

/** Ceiling, naive and Postern in turn. Returns the maximum and how many Postern acknowledged. */
export async function ingestInTurn(
  { rounds, connections, seconds }: Bench,
  { postern, requests, naive: naiveKind, naiveDatabase, bars }: IngestSetting,
): Promise<{ maximum: number; acknowledged: number }> {
  const ceiling: number[] = []
  const naive: number[] = []
  const ours: number[] = []
  let acknowledged = 0
  for (let round = 0; round < rounds; round++) {
    for (const [kind, rates] of [
      ['ceiling', ceiling],
      [naiveKind, naive],
    ] as const) {
      const rival = await startRival(kind, naiveDatabase(round))
      await closedLoop(rival.port, new RequestFile(requests.path), { connections, seconds: warmUp })
      const run = await closedLoop(rival.port, new RequestFile(requests.path), { connections, seconds })
      if (run.failures > 0) throw new Error(`${run.failures} requests to ${kind} failed`)
      rates.push(run.perSecond)
      await rival.stop()
    }
    const before = await closedLoop(postern.port, requests, { connections, seconds: warmUp })
    acknowledged += before.sent
    const run = await closedLoop(postern.port, requests, { connections, seconds })
    if (run.failures > 0) throw new Error(`${run.failures} requests failed`)
    ours.push(run.perSecond)
    acknowledged += run.sent
    note(
      `round ${round + 1}: ceiling ${rate(ceiling[round]!)}, naive ${rate(naive[round]!)}, Postern ${rate(ours[round]!)}`,
    )
  }
  report('ceiling: read, HMAC, parse, nothing stored', spread(ceiling))
  report('naive: the same, one commit a request', spread(naive))
  report('Postern as shipped', spread(ours))
  const ratios = ours.map((each, round) => each / ceiling[round]!)
  const gains = ours.map((each, round) => each / naive[round]!)
  report(
    'Postern ÷ ceiling',
    `${median(ratios).toFixed(2)} (${list(ratios)})`,
    `≥ ${bars.ceiling}`,
    median(ratios) >= bars.ceiling,
  )
  report(
    'Postern ÷ naive',
    `${median(gains).toFixed(1)} (${list(gains)})`,
    `≥ ${bars.naive}`,
    median(gains) >= bars.naive,
  )
  return { maximum: median(ours), acknowledged }
}

/** Open loop, from the intended time of sending. Returns how many were acknowledged. */
export async function answersAtHalf(
  { rounds, quick }: Bench,
  { postern, requests, bars }: IngestSetting,
  maximum: number,
): Promise<number> {
  const perSecond = maximum / 2
  const latencies: Latencies[] = []
  let acknowledged = 0
  for (let round = 0; round < rounds; round++) {
    const some = requests.take(Math.floor(perSecond * (quick ? 2 : 5)))
    latencies.push(await openLoop(postern.port, some, { perSecond }))
    acknowledged += some.length - latencies[round]!.failures
  }
  const failures = latencies.reduce((sum, each) => sum + each.failures, 0)
  if (failures > 0) throw new Error(`${failures} requests failed`)
  const p99 = latencies.map(each => each.p99)
  report(
    `open loop at half (${rate(perSecond)}): p99`,
    `${ms(median(p99))} (${list(p99)})`,
    `≤ ${bars.p99Ms} ms`,
    median(p99) <= bars.p99Ms,
  )
  return acknowledged
}

/** wrk ends with a request a connection under way that it does not count: so many more may be there. */
export function compareStored(acknowledged: number, stored: { events: number; ids: number }, uncounted: number): void {
  const surplus = stored.events - acknowledged
  const exact = stored.events === stored.ids && surplus >= 0 && surplus <= uncounted
  report(
    'acknowledged, stored, distinct',
    `${acknowledged}, ${stored.events}, ${stored.ids}`,
    'none lost or doubled',
    exact,
  )
}
