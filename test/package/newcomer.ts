// What a newcomer does with what is printed at the first start: paste the lines into a shell, and look.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'

const execute = promisify(execFile)

/** Pastes every printed request, reads the first one's event back by the printed line, and stops the gateway. */
export async function tryOut(gateway: GatewayProcess, vendors: readonly string[]): Promise<void> {
  try {
    const lines = gateway.output().split('\n')
    const posts = [...new Set(lines.filter(line => line.startsWith('curl ') && line.includes('/hooks/')))]
    const read = lines.findLast(line => line.startsWith('curl ') && line.includes('/api/v1/events'))
    expect(posts).toHaveLength(vendors.length)

    const ids: string[] = []
    for (const post of posts) {
      const answer = (await paste(post)) as { id: string; status: string }
      expect(answer).toEqual({ id: expect.stringMatching(/^evt_[0-9a-z]{26}$/), status: 'accepted' })
      ids.push(answer.id)
    }
    // The printed line asks for the newest; all that were posted are there.
    const newest = (await paste(read!)) as { items: { id: string; vendor: string }[] }
    expect(newest.items.map(event => event.id)).toEqual(ids.slice(-1))
    const all = (await paste(read!.replace('limit=1', 'limit=500'))) as typeof newest
    expect(all.items.map(event => event.id)).toEqual(ids.toReversed())
    expect(all.items.map(event => event.vendor)).toEqual(vendors.toReversed())
    expect(await paste(posts[0]!)).toEqual({ id: ids[0], status: 'duplicate' })
  } finally {
    expect(await gateway.stop(), gateway.output()).toEqual({ code: 0, signal: null })
  }
}

async function paste(line: string): Promise<unknown> {
  const { stdout } = await execute('sh', ['-c', line])
  return JSON.parse(stdout)
}
