// What the disk takes to make something durable: the least that a commit waits for.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { percentiles } from './load.ts'

/** To flush as many bytes as the commit of one event writes to SQLite's log, in milliseconds. */
export function flushTime(path: string): number {
  const file = openSync(path, 'w')
  const pages = Buffer.alloc(10 * 4096, 1)
  // One behind the other, and from the beginning again: as the WAL is written.
  const times = Array.from({ length: 400 }, (_, index) => {
    writeSync(file, pages, 0, pages.length, (index % 100) * pages.length)
    const started = performance.now()
    fdatasyncSync(file)
    return performance.now() - started
  })
  closeSync(file)
  return percentiles(times).p50
}
