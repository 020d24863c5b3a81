#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one is told so instead of failing on the syntax. It runs the
// sources where they are (a clone), else what was built of them (an installation).
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(`Postern needs Node 24 or later, and this is Node ${process.versions.node}.`)
  console.error('In a clone, `npm ci` brings it: use `npm start`. Elsewhere install Node 24 from nodejs.org.')
  process.exit(1)
}

// Without it each thread loads the compiler that strips the types: 18 MB of memory a thread, and half a second.
const cache = new URL('../node_modules/.cache/postern-compile', import.meta.url)
module.enableCompileCache(fileURLToPath(cache))
if (!process.env.NODE_COMPILE_CACHE) process.env.NODE_COMPILE_CACHE = fileURLToPath(cache)

// Names are looked up by the system in half of these threads, and two servers that never answer would stop all others.
if (!process.env.UV_THREADPOOL_SIZE) process.env.UV_THREADPOOL_SIZE = '16'

const source = new URL('../src/cli/main.ts', import.meta.url)
const main = existsSync(source) ? source : new URL('../dist/src/cli/main.js', import.meta.url)
// Neither `await` nor `??=` here: an old Node would fail on them before it is told what it lacks.
void import(main.href).then(({ main }) => main())
