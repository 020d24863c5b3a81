import { defineConfig } from 'vitest/config'

const here = (path: string) => new URL(path, import.meta.url).pathname

export default defineConfig({
  resolve: {
    // The names that users import are the sources here; else tests would quietly run a stale build.
    alias: [
      { find: /^postern$/, replacement: here('./src/index.ts') },
      { find: /^postern\/adapters$/, replacement: here('./adapters/index.ts') },
      { find: /^postern\/events$/, replacement: here('./src/event.ts') },
    ],
  },
  test: { include: ['test/**/*.test.ts'], testTimeout: 20_000, hookTimeout: 30_000 },
})
