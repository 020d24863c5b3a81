import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Each store that a test opens starts two threads, which would strip the types of all they load and compile it anew:
// this is half of their time. Where the gateway itself keeps it, too (see bin/postern.js).
process.env.NODE_COMPILE_CACHE ||= here('./node_modules/.cache/postern-compile')

/** Commands and installations, as processes of their own. */
const processes = ['test/cli/**/*.test.ts', 'test/client/restart.test.ts', 'test/package/**/*.test.ts']
/** Several processes over a PostgreSQL that each file starts, and ends. */
const nodes = ['test/faults/nodes-*.test.ts']
/** Real disks, crashes and browsers. */
const slow = ['test/browser/**/*.test.ts', 'test/faults/**/*.test.ts']
/** Over one real PostgreSQL that is started for all of them. */
const postgres = ['test/**/postgres*.test.ts', 'test/postgres/**/*.test.ts']

const oneByOne = { fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000 }

export default defineConfig({
  resolve: {
    // The names that users import are the sources here; else tests would quietly run a stale build.
    alias: [
      { find: /^postern$/, replacement: here('./src/index.ts') },
      { find: /^postern\/adapters$/, replacement: here('./adapters/index.ts') },
      { find: /^postern\/events$/, replacement: here('./src/event.ts') },
      { find: /^postern\/client$/, replacement: here('./src/client/client.ts') },
      { find: /^postern\/testing$/, replacement: here('./src/testing.ts') },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...processes, ...slow, ...postgres],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: postgres,
          exclude: slow,
          globalSetup: './test/support/postgres-setup.ts',
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      { extends: true, test: { name: 'processes', include: processes, ...oneByOne } },
      { extends: true, test: { name: 'nodes', include: nodes, ...oneByOne } },
      { extends: true, test: { name: 'slow', include: slow, exclude: nodes, ...oneByOne } },
    ],
  },
})
