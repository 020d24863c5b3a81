// What a newcomer does with what is printed at the first start: paste the lines into a shell, and look.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'

const execute = promisify(execFile)

/** Pastes every printed line, expects one sample of each vendor and one more to read back, and stops the gateway. */
export async function tryOut(gateway: GatewayProcess, vendors: readonly string[]): Promise<void> {
  try {
    const lines = gateway.output().split('\n')
    const posts = lines.filter(line => line.startsWith('curl ') && line.includes('/hooks/'))
    const read = lines.findLast(line => line.startsWith('curl ') && line.includes('/api/v1/events/'))
    expect(posts).toHaveLength(vendors.length + 1)

    const ids: string[] = []
    for (const post of posts) {
      const answer = (await paste(post)) as { id: string; status: string }
      expect(answer).toEqual({ id: expect.stringMatching(/^evt_[0-9a-z]{26}$/), status: 'accepted' })
      ids.push(answer.id)
    }
    expect(await paste(read!)).toMatchObject({ specversion: '1.0', id: ids.at(-1), vendor: vendors[0] })
    expect(await paste(posts[0]!)).toEqual({ id: ids[0], status: 'duplicate' })

    const list = read!.replace(/\/events\/\w+/, '/events?order=oldest')
    const { items } = (await paste(list)) as { items: { id: string; vendor: string }[] }
    expect(items.map(event => event.id)).toEqual(ids)
    expect(items.map(event => event.vendor)).toEqual([...vendors, vendors[0]])

    // What an app's author reads comes with it.
    const page = await fetch(`${gateway.adminUrl}/reference`)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<section id="listEvents">')])
  } finally {
    expect(await gateway.stop(), gateway.output()).toEqual({ code: 0, signal: null })
  }
}

async function paste(line: string): Promise<unknown> {
  const { stdout } = await execute('sh', ['-c', line])
  return JSON.parse(stdout)
}
