// `postern events tail -f` as a process, over a gateway that goes and comes again: every event once, in order.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCommand } from '../support/command.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { freePort } from '../support/own-server.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-tail-'))
const config = { sources: { plain: plain() } }
let gateway: TestGateway
let port: string | undefined
let sent = 0

const start = async () => {
  port ??= String(await freePort())
  gateway = await startTestGateway({ config, database: join(folder, 'postern.db'), env: { PORT: port } })
}
const send = async (count: number, type = 'loan.created') => {
  for (let index = 0; index < count; index++) {
    const { status } = await gateway.post('/hooks/plain', plainBody({ key: `k${++sent}`, type }))
    expect(status).toBe(200)
  }
}
const tail = (...args: string[]) =>
  startCommand(['events', 'tail', '-f', '--json', ...args], {
    env: { POSTERN_URL: `http://127.0.0.1:${port}`, POSTERN_TOKEN: testToken },
  })
const sequences = (stdout: string) =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map(line => Number((JSON.parse(line) as { sequence: string }).sequence))
/** Processes start slowly where much else runs, and wait between two tries. */
const wait = (what: string, condition: () => boolean) => until(what, condition)
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, index) => from + index)

beforeAll(start)
afterAll(async () => {
  await gateway.close()
  rmSync(folder, { recursive: true, force: true })
})

test('follows across restarts without a miss or a double, whatever it began with', async () => {
  await send(4)
  await send(1, 'payment.received')
  const all = tail('--after', '0')
  const newest = tail('-n', '2')
  // Nearly all that its filter takes of the log comes only after the restarts.
  const payments = tail('--type', 'payment.*')
  await wait('it has what there is', () =>
    [5, 2, 1].every((count, index) => sequences([all, newest, payments][index]!.stdout()).length === count),
  )
  await send(3)
  await wait('it has what came', () => sequences(all.stdout()).length === 8 && sequences(newest.stdout()).length === 5)
  for (let round = 0; round < 2; round++) {
    await gateway.close()
    await wait('it has noticed', () => all.stderr().split('away').length === round + 2)
    await start()
    // Some before it is there again.
    await send(4)
    await wait('it came again', () => all.stderr().split('there again').length === round + 2)
    await send(2)
  }
  await send(2, 'payment.received')
  await wait('it has the last', () => [all, newest].every(each => sequences(each.stdout()).at(-1) === sent))
  await wait('the filtered too', () => sequences(payments.stdout()).length === 3)
  for (const each of [all, newest, payments]) each.child.kill('SIGINT')
  const ended = await Promise.all([all, newest, payments].map(each => each.ended))
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0])
  expect(sequences(ended[0]!.stdout)).toEqual(upTo(sent))
  expect(sequences(ended[1]!.stdout)).toEqual(upTo(sent, 4))
  expect(sequences(ended[2]!.stdout)).toEqual([5, sent - 1, sent])
})

test('a position that the log does not reach to is an error that says where to go on', async () => {
  const { code, stderr, stdout } = await tail('--after', '4711').ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('410')
  expect(stderr).toContain('read on from')
})
