// From request to subscriber over three nodes: one receives, two deliver. What a machine holds that holds all of it,
// for those who size theirs; there is no bar.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { queryOnce } from '../support/postgres.ts'
import { cpuSeconds, cpuSecondsOfServer } from './cpu.ts'
import { endToEnd, latency } from './delivering.ts'
import { RequestFile } from './load.ts'
import type { PostgresBench } from './postgres.ts'
import { residentMiB, startPostern, startSubscriber } from './processes.ts'
import { list, median, ms, note, rate, report, spread } from './report.ts'
import { noteRequests, writeRequests } from './requests.ts'

const perSecond = 200

export async function acrossNodes(bench: PostgresBench): Promise<void> {
  const { folder, quick, seconds, server, createDatabase } = bench
  const path = join(folder, 'nodes-requests')
  const total = quick ? 100_000 : 250_000
  noteRequests(total)
  writeRequests(path, 10_000_000, total)
  const database = await createDatabase()
  const subscriber = await startSubscriber()
  const start = async (name: string, role: 'ingest' | 'deliver') => {
    const home = join(folder, `node-${name}`)
    mkdirSync(home)
    return startPostern(home, {
      POSTERN_DATABASE: database.url,
      POSTERN_ROLE: role,
      POSTERN_NODE: name,
      SUBSCRIBERS: subscriber.url,
    })
  }
  // First who delivers: its configuration's subscription begins at the head that it finds.
  const deliver = [await start('deliver-a', 'deliver'), await start('deliver-b', 'deliver')]
  const receiving = await start('ingest', 'ingest')
  const nodes = [receiving, ...deliver]
  const setting = { postern: receiving, requests: new RequestFile(path), subscribers: [subscriber] }

  const { p50, p99 } = await latency(bench, setting, perSecond)
  report(`three nodes: acknowledged to received at ${perSecond}/s: p50`, `${ms(median(p50))} (${list(p50)})`)
  report(`three nodes: acknowledged to received at ${perSecond}/s: p99`, `${ms(median(p99))} (${list(p99)})`)

  const spent = () => [...nodes.map(({ pid }) => cpuSeconds(pid)), cpuSecondsOfServer(server.folder)]
  const before = spent()
  const { rates, ingest } = await endToEnd(bench, setting, seconds)
  report('three nodes: request to one HTTP subscriber', spread(rates))
  report('three nodes: taken in meanwhile', spread(ingest))
  const shares = spent().map((each, index) => each - before[index]!)
  const all = shares.reduce((sum, each) => sum + each)
  const [ingestShare, a, b, postgres] = shares.map(each => `${Math.round((100 * each) / all)} %`)
  report('three nodes: CPU of ingest, deliver, deliver, PostgreSQL', `${ingestShare}, ${a}, ${b}, ${postgres}`)
  report('three nodes: resident memory', nodes.map(({ pid }) => `${residentMiB(pid).toFixed(0)} MiB`).join(', '))
  const [stored] = await queryOnce<{ events: string; settled: string }>(
    database.url,
    `select (select count(*) from events) as events, (select count(*) from deliveries where state = 4) as settled`,
  )
  note(`${stored!.events} events in the log, ${stored!.settled} delivered; ${rate(median(rates))} end to end`)
  await Promise.all(nodes.map(node => node.stop()))
  await subscriber.stop()
  await database.drop()
}
