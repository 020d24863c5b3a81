// A start that fails half-way: what it had begun is ended, and the database is free for the next one.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSettings } from '../src/config/settings.ts'
import { startGateway } from '../src/gateway.ts'
import { openLog } from '../src/observe/log.ts'
import { hold } from '../src/store/sqlite/store.ts'
import { testToken } from './support/gateway.ts'
import { HeldTimers } from './support/held-timers.ts'
import { plain } from './support/plain-adapter.ts'

test.each(['PORT', 'POSTERN_ADMIN_PORT'])(
  'one whose %s is taken ends all that it has begun, and says nothing but that',
  async name => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-start-'))
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const database = join(folder, 'postern.db')
    const timers = new HeldTimers()
    const written: string[] = []
    const env = { HOST: '127.0.0.1', PORT: '0', POSTERN_SEARCH: 'off', [name]: String(port) }
    const start = startGateway({
      settings: readSettings({ ...env, POSTERN_DATABASE: `sqlite:${database}` }),
      config: { sources: { plain: plain() } },
      env: { POSTERN_ADMIN_TOKEN: testToken },
      log: openLog({ level: 'error', write: line => written.push(line) }),
      readers: { timers },
    })
    await expect(start).rejects.toThrow('another process listens there')
    expect(timers.repeating).toBe(0)
    expect(written).toEqual([])
    hold(database).close()
    await new Promise(resolve => taken.close(resolve))
    rmSync(folder, { recursive: true, force: true })
  },
)
