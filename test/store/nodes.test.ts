// The list of nodes, without a server to keep it.
import { expect, test } from 'vitest'
import type { Database } from '../../src/store/postgres/database.ts'
import { Nodes } from '../../src/store/postgres/nodes.ts'

test('a node whose server does not answer ends all the same, having said goodbye once', async () => {
  const asked: string[] = []
  const database = {
    call: (text: string) => {
      asked.push(text)
      return new Promise(() => {})
    },
  } as unknown as Database
  const nodes = new Nodes({ database, name: 'a', kind: 'main', moved: () => {} })
  await Promise.all([nodes.close(), nodes.close()])
  await nodes.close()
  expect(asked).toEqual([expect.stringContaining('delete from nodes')])
})
