// A pooler in transaction mode between: each statement may be served by another session.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { testAppends } from '../contract/store/appends.ts'
import { testLanes } from '../contract/store/deliveries-lanes.ts'
import { appendAll, logOf, record, request } from '../contract/store/record.ts'
import { type PgBouncer, pgbouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { createDatabase } from '../support/postgres-database.ts'
import type {} from '../support/postgres-setup.ts'
import { postgresEngine, postgresOptions } from '../support/postgres-store.ts'

/** Fewer than its clients have together: they take turns. */
const poolSize = 3

describe.skipIf(pgbouncer === undefined)('through PgBouncer in transaction mode (where it is installed)', () => {
  let pooler: PgBouncer

  beforeAll(async () => {
    pooler = await startPgBouncer(pgbouncer!, inject('postgresUrl'), poolSize)
  })
  afterAll(() => pooler?.end())

  const open = postgresEngine(createDatabase, url => ({ url: pooler.through(url), directUrl: null }))
  testAppends(open)
  testLanes(open)

  test('several nodes share fewer connections than any of them would like', async () => {
    const database = await createDatabase()
    const url = pooler.through(database.url)
    const nodes = await Promise.all(
      Array.from({ length: 3 }, () => openPostgresStore(postgresOptions(url, { directUrl: null }))),
    )
    await Promise.all(
      nodes.map((node, index) =>
        appendAll(
          node,
          Array.from({ length: 50 }, (_, at) => record(`${index} ${at}`)),
        ),
      ),
    )
    for (const node of nodes) expect(await logOf(node)).toHaveLength(150)
    await Promise.all(nodes.map(node => node.close()))
    await database.drop()
  })

  test('what others append is heard of by a direct URL', async () => {
    const database = await createDatabase()
    const url = pooler.through(database.url)
    const [one, other] = await Promise.all(
      [0, 1].map(() => openPostgresStore(postgresOptions(url, { directUrl: database.url }))),
    )
    const { promise: heard, resolve } = Promise.withResolvers<void>()
    // What it is told of when it begins to listen is over by then.
    await other!.append([record('first')], request('first'))
    other!.onAppended(resolve)
    await appendAll(one!, [record('second')])
    await heard
    await Promise.all([one!.close(), other!.close()])
    await database.drop()
  })
})
