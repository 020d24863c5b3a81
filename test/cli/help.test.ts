// What the command line says of itself, and of what it does not understand: never anything of a secret that stands there.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { deliveryColumns, eventColumns } from '../../src/cli/columns.ts'
import { commandNames } from '../../src/cli/commands.ts'
import { itemsOf } from '../../src/cli/items.ts'
import { type Column, tableOf } from '../../src/cli/table.ts'
import { plainJson, plainText } from '../../src/cli/text.ts'
import type { Delivery, Event } from '../../src/client/api-types.ts'
import { runCommand } from '../support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-help-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const postern = (...args: string[]) =>
  runCommand(args, { cwd: folder, env: { POSTERN_TOKEN: 'hunter2', POSTERN_DATABASE: `sqlite:${folder}/none.db` } })

test('the overview names every command', async () => {
  const [help, version] = await Promise.all([postern('--help'), postern('--version')])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  for (const name of commandNames) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

test('the help of each has examples and exit codes', async () => {
  const withParts = [
    ...commandNames.map(name => [name]),
    ...['list', 'show', 'tail', 'export', 'replay'].map(name => ['events', name]),
    ['quarantine', 'release'],
    ['subscriptions', 'test'],
  ]
  while (withParts.length > 0) {
    const some = withParts.splice(0, 4)
    const helps = await Promise.all(some.map(args => postern(...args, '--help')))
    for (const [index, { code, stdout, stderr }] of helps.entries()) {
      expect({ args: some[index], code, stderr }).toEqual({ args: some[index], code: 0, stderr: '' })
      expect(stdout).toMatch(/\nExamples:\n {2}\S[\s\S]*\nExit codes:\n {2}0 /)
      expect(stdout).toContain(`postern ${some[index]![0]}`)
    }
  }
})

describe('what is mistaken ends with 1, says why, and repeats no secret', () => {
  test.each([
    [['events', '--lists'], '--lists'],
    [['events', 'lost'], 'lost'],
    [['postgres://postern:hunter2@db/x'], 'There is no such command.'],
    [['--url=https://user:hunter2@gateway'], '--url=…'],
    [['events', 'list', '--limit', '0'], 'whole number'],
    [['events', 'list', '--since', 'yesterday'], '2026-01-31'],
    [['events', 'list', '--until', '2026-02-30'], '2026-01-31'],
    [['events', 'list', '--since', '2026-01-31T25:00:00Z'], '2026-01-31'],
    [['events', 'list', '--url', 'https://user:hunter2@gateway/?token=hunter2'], '--url (or POSTERN_URL)'],
    [['events', 'list', 'https://user:hunter2@gateway'], 'too many arguments'],
    [['events', 'list', '--tokn=hunter2'], '--tokn=…'],
    [['backup'], 'file'],
    [['send', '--rate', 'https://user:hunter2@gateway'], 'whole number'],
  ])('%j', async (args, told) => {
    const { code, stdout, stderr } = await postern(...args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(told)
    expect(stderr).not.toContain('hunter2')
  })
})

describe('what is printed', () => {
  test('is text that no terminal obeys, and JSON that says the same', () => {
    const evil = '\u001b]0;title\u0007\u009b31mred\r\n\u202egnp\u2066.exe\u007f'
    expect(plainText(evil)).toBe(']0;title31mred  gnp.exe')
    const json = JSON.stringify({ evil })
    expect(plainJson(json)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e\u2066]/)
    expect(JSON.parse(plainJson(json))).toEqual({ evil })
  })

  test('is cut to the width of a terminal, and whole elsewhere', () => {
    const items = [{ id: 'evt_1234', type: 'x'.repeat(60) }]
    const columns: Column<{ id: string; type: string }>[] = [
      { title: 'id', of: ({ id }) => id },
      { title: 'type', of: ({ type }) => type, shrinks: true },
    ]
    const lines = (width: number | undefined) =>
      tableOf(items, columns, { width, colours: false }).trimEnd().split('\n')
    expect(lines(40).map(line => line.length)).toEqual([14, expect.any(Number)])
    expect(Math.max(...lines(40).map(line => line.length))).toBeLessThanOrEqual(40)
    expect(lines(40)[1]).toMatch(/^evt_1234 {2}x+…$/)
    expect(lines(undefined)[1]).toBe(`evt_1234  ${'x'.repeat(60)}`)
    expect(tableOf([], columns)).toBe('')
  })

  test.each([
    [80, 'received id type subject', 'id subscription state tries subject'],
    [100, 'received id source type subject', 'id subscription state tries settled or due subject'],
    [120, 'received id source type subject', 'id subscription state settled or due subject event'],
  ])('within %i columns has ids and subjects whole', (width, ofEvents, ofDeliveries) => {
    const id = 'evt_4sbh6p7b7x6phhgxthyvbxgpje'
    const common = { subject: 'application/APP-1', type: 'loan_request.created', source: '/sources/loan-portal' }
    const event = { id, receivedtime: '2026-01-31T12:00:59.123Z', ...common } as Event
    const delivery = {
      ...{ id: 'dlv_00000080000000000000000041', event: id, subscription: 'loan-book', state: 'succeeded' },
      ...{ attemptsMade: 1, settledAt: '2026-01-31T12:00:59.123Z', ...common, subject: 'loan/K0Z1Q' },
    } as unknown as Delivery
    const tables = [
      tableOf([event], eventColumns, { width, colours: false }),
      tableOf([delivery], deliveryColumns, { width, colours: false }),
    ]
    for (const [index, titles] of [ofEvents, ofDeliveries].entries()) {
      const lines = tables[index]!.trimEnd().split('\n')
      expect(lines[0]!.replaceAll(/ +/g, ' ').replace('subscript…', 'subscription')).toBe(titles)
      expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(width)
    }
    expect(tables[0]).toMatch(/evt_4sbh6p7b7x6phhgxthyvbxgpje .*application\/APP-1$/m)
    expect(tables[1]).toMatch(/^dlv_00000080000000000000000041 .*loan\/K0Z1Q/m)
    // Where nothing is left to give way the line is longer, and the subject whole.
    const long = { ...event, subject: `application/${'1'.repeat(100)}` }
    expect(tableOf([long], eventColumns, { width, colours: false })).toMatch(/application\/1{100}$/m)
  })

  test('of a list is each item as it was written', () => {
    const items = ['{"a":9007199254740993.10,"b":["]",{"c":"\\"}"}]}', '7', '"x,]"', '[1,[2]]']
    expect(itemsOf(`{"search":{"a":[1]},"items":[${items.join(' , ')}],"next":"n"}`)).toEqual({ items, next: 'n' })
    expect(itemsOf('{"items":[],"next":null}')).toEqual({ items: [], next: null })
  })
})
