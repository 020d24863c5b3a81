// The commands that read a running gateway and act on it, each as a process: tables, lines of JSON, exit codes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { jsonLines, runCommand } from '../support/command.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { answers, inTurn, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let subscriber: Subscriber
const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'))
/** Of the events, in their order. */
const ids: string[] = []
const digits = '9007199254740993.10'

const postern = (...args: string[]) => runCommand(args, { env: { POSTERN_URL: gateway.url, POSTERN_TOKEN: testToken } })

beforeAll(async () => {
  // The first of all is refused, for good.
  subscriber = await startSubscriber({ behaviour: inTurn(answers(500), answers(204)) })
  gateway = await startTestGateway({
    env: { POSTERN_SEARCH: 'on' },
    config: {
      sources: { plain: plain() },
      egress: { allow: ['127.0.0.0/8'] },
      subscriptions: {
        book: { types: ['loan.*'], to: http({ url: subscriber.url }), retry: { scheduleMs: [0] } },
      },
    },
  })
  for (let number = 1; number <= 4; number++) {
    const evil = number === 2 ? '\u001b[31m\u0007evil\u009b' : 'loan/L1'
    const body = plainBody({
      key: `k${number}`,
      type: number === 4 ? 'payment.received' : 'loan.created',
      subject: evil,
    })
    const { json } = await gateway.post('/hooks/plain', body.replace(/}]$/, `,"amount":${digits}}]`))
    ids.push((json as { id: string }).id)
    if (number === 1) await subscriber.atLeast(1)
  }
  await gateway.post('/hooks/plain', 'not understood, and \u001b[31mred')
  await subscriber.atLeast(3)
})
afterAll(async () => {
  await gateway.close()
  await subscriber.close()
  rmSync(folder, { recursive: true, force: true })
})

test('an id that would lead to another route is none', async () => {
  const all = await Promise.all(
    [
      ['events', 'show', '..'],
      ['deliveries', 'show', '.'],
      ['subscriptions', 'pause', ''],
    ].map(args => postern(...args)),
  )
  for (const { code, stdout, stderr } of all) {
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('Expected a name or an id')
  }
})

test('who names no gateway is told how, where none answers', async () => {
  const { code, stderr } = await runCommand(['sources'], { env: { PORT: '9', POSTERN_TOKEN: testToken } })
  expect({ code, stderr }).toEqual({
    code: 4,
    stderr: expect.stringMatching(
      /^No gateway answers at http:\/\/127\.0\.0\.1:9: .+; --url or POSTERN_URL says where one is\n$/,
    ),
  })
})

describe('events', () => {
  test('list is a table, without what a terminal would obey', async () => {
    const { code, stdout } = await postern('events', 'list')
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^received +id +source +type +subject$/)
    expect(lines.slice(1).map(line => line.split(/ +/)[1])).toEqual(ids.toReversed())
    expect(stdout).toContain('evil')
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })

  test('list --json is a line for each, by the filters, and --limit over pages', async () => {
    const [loans, two, none] = await Promise.all([
      postern('events', 'list', '--type', 'loan.*', '--since', '2026-01-31 12:00', '--oldest', '--json'),
      postern('events', 'list', '--limit', '2', '--json'),
      postern('events', 'list', '--subject', 'loan/none'),
    ])
    expect(jsonLines<{ id: string }>(loans).map(({ id }) => id)).toEqual(ids.slice(0, 3))
    expect(jsonLines<{ id: string }>(two).map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 2))
    expect(two.stdout).not.toContain('\u009b')
    expect(none).toEqual({ code: 0, stdout: '', stderr: 'There is nothing.\n' })
  })

  test('show is the event and who got it; --raw the bytes; an unknown one ends with 3', async () => {
    const [shown, json, raw, unknown] = await Promise.all([
      postern('events', 'show', ids[0]!),
      postern('events', 'show', ids[0]!, '--json', '--original'),
      postern('events', 'show', ids[0]!, '--raw'),
      postern('events', 'show', 'evt_00000000000000000000000000'),
    ])
    expect(shown.stdout).toMatch(/^type +loan\.created$/m)
    expect(shown.stdout).toMatch(/book +dead/)
    expect(JSON.parse(json.stdout)).toMatchObject({ id: ids[0] })
    // Every digit of what came.
    expect(json.stdout).toContain(digits)
    expect(raw.stdout).toContain(`"amount":${digits}}]`)
    const unknownId = 'There is no event evt_00000000000000000000000000.\n'
    expect(unknown).toEqual({ code: 3, stdout: '', stderr: unknownId })
  })

  test('tail shows the newest, oldest first', async () => {
    const { stdout } = await postern('events', 'tail', '-n', '2')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => line.split('  ')[1]),
    ).toEqual(ids.slice(2))
  })

  test('export writes lines into a file, and overwrites none', async () => {
    const file = join(folder, 'export.ndjson')
    const done = await postern('events', 'export', '--output', file, '--original')
    expect(done).toMatchObject({ code: 0, stderr: '4 events\n' })
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(lines.map(line => (JSON.parse(line) as { id: string }).id)).toEqual(ids)
    expect(lines[0]).toContain(digits)
    expect(await postern('events', 'export', '--output', file)).toMatchObject({ code: 1 })
    expect(await postern('events', 'export', '--output', join(folder, 'none', 'x'))).toMatchObject({
      code: 1,
      stderr: `--output: there is no folder ${join(folder, 'none')}\n`,
    })
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toEqual(lines)
  })

  test('search finds words, timeline the life of a subject, stats the figures', async () => {
    await until('the index has come so far', async () => {
      const { json } = await gateway.api('/stats')
      return (json as { search: { behind: number } }).search.behind === 0
    })
    const [found, timeline, json, stats] = await Promise.all([
      postern('events', 'list', '-q', 'payment.received', '--json'),
      postern('timeline', 'loan/L1'),
      postern('timeline', 'loan/L1', '--json'),
      postern('stats'),
    ])
    expect(jsonLines<{ id: string }>(found).map(({ id }) => id)).toEqual(ids.slice(3))
    const of = ids.filter((_, index) => index !== 1)
    expect(
      timeline.stdout
        .trimEnd()
        .split('\n')
        .slice(1)
        .map(line => line.split(/ +/).at(-1)),
    ).toEqual(of)
    expect(jsonLines<{ id: string }>(json).map(({ id }) => id)).toEqual(of)
    expect(stats.stdout).toMatch(/^plain +\S+Z +4 +4 +1 /m)
    expect(stats.stdout).toMatch(/^book +– +closed/m)
    expect(await postern('timeline', 'nothing')).toMatchObject({ code: 1, stderr: expect.stringContaining('subject') })
  })

  test('replay delivers one again, or all that match, and says first how many', async () => {
    const before = subscriber.received.length
    const dry = await postern('events', 'replay', '-s', 'book', '--type', 'loan.*', '--dry-run')
    expect(dry).toMatchObject({ code: 0, stdout: '3 events would be delivered.\n' })
    expect(subscriber.received.length).toBe(before)
    expect(await postern('events', 'replay', '-s', 'book', '--type', 'loan.*')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^rpl_\w+ {2}done {2}3 events\n$/),
    })
    expect(subscriber.received.length).toBe(before + 3)
    const one = await postern('events', 'replay', ids[1]!, '--json')
    expect(JSON.parse(one.stdout)).toMatchObject({ replays: [{ subscription: 'book' }] })
    await subscriber.atLeast(before + 4)
    expect(await postern('events', 'replay', '-s', 'book', '--type', 'loan.*', '--no-wait')).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^rpl_\w+ {2}begun\n$/),
      stderr: '',
    })
    await subscriber.atLeast(before + 7)
    expect(await postern('events', 'replay', '--type', 'loan.*')).toMatchObject({ code: 1 })
    expect(await postern('events', 'replay', ids[1]!, '--type', 'payment.*')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('an id or filters'),
    })
  })
})

test('deliveries: the dead one is listed, shown with its tries, and tried again', async () => {
  const [dead] = jsonLines<{ id: string; event: string }>(
    await postern('deliveries', 'list', '--state', 'dead', '--json'),
  )
  expect(dead).toMatchObject({ event: ids[0], state: 'dead' })
  const shown = await postern('deliveries', 'show', dead!.id)
  expect(shown.stdout).toMatch(/^state +dead$/m)
  expect(shown.stdout).toMatch(/^ +1 .* 500 /m)
  const before = subscriber.received.length
  expect(await postern('deliveries', 'retry', dead!.id)).toMatchObject({ code: 0 })
  await subscriber.atLeast(before + 1)
  await until('it succeeded', async () => {
    const { json } = await gateway.api(`/deliveries/${dead!.id}`)
    return (json as { state: string }).state === 'succeeded'
  })
  const [again, wrong] = await Promise.all([
    postern('deliveries', 'retry', dead!.id),
    postern('deliveries', 'list', '--state', 'lost'),
  ])
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('409') })
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('state') })
})

test('subscriptions: listed, shown, tested, paused and resumed', async () => {
  const [listed, shown, tested, unknown] = await Promise.all([
    postern('subscriptions', 'list'),
    postern('subscriptions', 'show', 'book', '--json'),
    postern('subscriptions', 'test', 'book'),
    postern('subscriptions', 'show', 'none'),
  ])
  expect(listed.stdout).toMatch(/^book +config +delivering/m)
  expect(JSON.parse(shown.stdout)).toMatchObject({ name: 'book', types: ['loan.*'] })
  expect(tested).toMatchObject({ code: 0, stdout: expect.stringContaining('succeeded') })
  expect(unknown).toMatchObject({ code: 3, stderr: 'There is no subscription none.\n' })
  expect(await postern('subscriptions', 'pause', 'book')).toMatchObject({ code: 0, stdout: 'book is paused.\n' })
  expect((await postern('subscriptions', 'list')).stdout).toMatch(/^book +config +paused/m)
  expect(await postern('subscriptions', 'retry', 'book')).toEqual({
    code: 0,
    stdout: 'retried 0\n',
    stderr: 'nothing is sent to book: it is paused (postern subscriptions resume book)\n',
  })
  const resumed = await postern('subscriptions', 'resume', 'book')
  expect(resumed).toEqual({ code: 0, stdout: 'book delivers again.\n', stderr: '' })
})

test('quarantine: listed, shown, not yet released, and discarded', async () => {
  const [waiting] = jsonLines<{ id: string }>(await postern('quarantine', 'list', '--json'))
  const [table, shown, raw, released, unsaid, unknown, none] = await Promise.all([
    postern('quarantine', 'list'),
    postern('quarantine', 'show', waiting!.id),
    postern('quarantine', 'show', waiting!.id, '--raw'),
    postern('quarantine', 'release', waiting!.id),
    postern('quarantine', 'release'),
    postern('quarantine', 'release', 'req_00000000000000000000000000'),
    postern('quarantine', 'release', 'nothing'),
  ])
  expect(table.stdout).toContain(waiting!.id)
  expect(shown.stdout).toContain('reason')
  expect(raw.stdout).toBe('not understood, and \u001b[31mred')
  expect(released).toMatchObject({ code: 2, stdout: 'released 0, still waiting 1\n' })
  expect(unsaid).toMatchObject({ code: 1, stderr: expect.stringContaining('--all') })
  expect(none).toMatchObject({ code: 3, stderr: 'nothing is not in quarantine.\n' })
  expect(unknown).toMatchObject({ code: 3, stderr: 'req_00000000000000000000000000 is not in quarantine.\n' })
  expect(await postern('quarantine', 'discard', waiting!.id)).toMatchObject({ code: 0 })
  expect(await postern('quarantine', 'discard', waiting!.id)).toMatchObject({ code: 3 })
})

test('a name that nobody has is not found, and told by those that there are', async () => {
  const source = 'There is no source nosuch; there are: plain\n'
  const subscription = 'There is no subscription nosuch; there are: book\n'
  const asked: [stderr: string, ...args: string[]][] = [
    [source, 'quarantine', 'release', '--source', 'nosuch'],
    [source, 'quarantine', 'list', '--source', 'nosuch'],
    [source, 'rejections', 'recheck', 'nosuch'],
    [subscription, 'events', 'replay', '--subscription', 'nosuch'],
    [subscription, 'deliveries', 'list', '--subscription', 'nosuch', '--json'],
  ]
  const ran = await Promise.all(asked.map(([, ...args]) => postern(...args)))
  expect(ran).toEqual(asked.map(([stderr]) => ({ code: 3, stdout: '', stderr })))
})

test('rejections are listed and checked again; sources say what they check', async () => {
  const [listed, rechecked, sources] = await Promise.all([
    postern('rejections', 'list'),
    postern('rejections', 'recheck', 'plain'),
    postern('sources'),
  ])
  expect(listed).toMatchObject({ code: 0, stderr: 'There is nothing.\n' })
  expect(rechecked.stdout).toBe('admitted 0, into quarantine 0, refused again 0\n')
  expect(sources.stdout).toMatch(/^plain +plain /m)
})

test('tokens are made, listed and revoked, and what they did is in the audit log', async () => {
  const made = await postern('tokens', 'create', 'night shift', '--scope', 'read', '--expires', '12h')
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^pst_\w{26}_[\w-]{43}\n$/) })
  const id = /tok_\w+/.exec(made.stderr)![0]
  const as = (token: string, ...args: string[]) =>
    runCommand(args, { env: { POSTERN_URL: gateway.url, POSTERN_TOKEN: token } })
  const token = made.stdout.trim()
  const [read, raw, listed, mistaken] = await Promise.all([
    as(token, 'events', 'list'),
    as(token, 'events', 'show', ids[0]!, '--raw'),
    postern('tokens', 'list'),
    postern('tokens', 'create', 'x', '--scope', 'all'),
  ])
  expect(read.code).toBe(0)
  expect(raw).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining("'raw'") })
  expect(listed.stdout).toMatch(new RegExp(`^${id} +night shift +read +all`, 'm'))
  expect(listed.stdout).not.toContain(token)
  expect(mistaken.code).toBe(1)
  expect(await postern('tokens', 'revoke', id)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('is revoked'),
  })
  expect((await as(token, 'events', 'list')).code).toBe(5)
  const log = jsonLines<{ action: string }>(await postern('audit', '--json'))
  expect(log.map(({ action }) => action).slice(0, 2)).toEqual(['token.revoke', 'token.make'])
  expect((await postern('audit', '--action', 'token.make')).stdout).toMatch(/ admin +token\.make +/)
})

describe('who may not, or finds nobody', () => {
  test('a wrong token, none, and a gateway that is not there', async () => {
    const env = { POSTERN_URL: gateway.url, POSTERN_DATABASE: `sqlite:${folder}/none.db` }
    const [wrong, none, away] = await Promise.all([
      runCommand(['events', 'list'], { env: { ...env, POSTERN_TOKEN: 'wrong' } }),
      runCommand(['events', 'list'], { env }),
      runCommand(['events', 'tail', '-f', '--url', 'http://127.0.0.1:9'], { env: { POSTERN_TOKEN: testToken } }),
    ])
    const told = '401: the token of POSTERN_TOKEN is wrong, revoked or expired'
    expect(wrong).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining(told) })
    expect(none).toMatchObject({ code: 5, stderr: expect.stringContaining('POSTERN_TOKEN') })
    expect(none.stderr, 'and where it was looked for').toContain(join(folder, 'secrets.json'))
    expect(away).toMatchObject({ code: 4, stderr: expect.stringContaining('No gateway answers') })
  })

  test('the token of a file, and of a start in development, but that one for no other machine', async () => {
    writeFileSync(join(folder, 'token'), `${testToken}\n`)
    writeFileSync(join(folder, 'secrets.json'), JSON.stringify({ POSTERN_ADMIN_TOKEN: testToken }))
    const env = { POSTERN_URL: gateway.url }
    const made = { POSTERN_DATABASE: `sqlite:${folder}/postern.db` }
    const [file, kept, elsewhere] = await Promise.all([
      runCommand(['sources'], { env: { ...env, POSTERN_TOKEN_FILE: join(folder, 'token') } }),
      runCommand(['sources'], { env: { ...env, ...made } }),
      runCommand(['sources', '--url', 'http://gateway.invalid'], { env: made }),
    ])
    expect([file.code, kept.code, elsewhere.code]).toEqual([0, 0, 5])
  })
})
