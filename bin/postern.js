#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one is told so instead of failing on the syntax. It runs the
// sources where they are (a clone), else what was built of them (an installation).
import { existsSync } from 'node:fs'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(`Postern needs Node 24 or later, and this is Node ${process.versions.node}.`)
  console.error('In a clone, `npm ci` brings it: use `npm start`. Elsewhere install Node 24 from nodejs.org.')
  process.exit(1)
}

const source = new URL('../src/main.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : new URL('../dist/src/main.js', import.meta.url).href)
await main()
