// The text of a scrape as Prometheus reads it; what it would refuse fails here.
import { expect } from 'vitest'

export interface Scrape {
  /** Names of the metrics, as `# TYPE` has them, and what kind each is. */
  readonly types: ReadonlyMap<string, string>
  readonly helps: ReadonlyMap<string, string>
  /** By name and labels as they are written: `postern_requests_total{source="a",verdict="accepted"}`. */
  readonly samples: ReadonlyMap<string, number>
  /** The labels, by metric. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>
}

const sample = /^([a-z_:][\w:]*)(\{(.*)\})? (\S+)$/
const label = /([a-z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/gy

export function readScrape(text: string): Scrape {
  expect(text.endsWith('\n')).toBe(true)
  const types = new Map<string, string>()
  const helps = new Map<string, string>()
  const samples = new Map<string, number>()
  const labels = new Map<string, Set<string>>()
  let family = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, word, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (word !== undefined) {
      const seen = word === 'HELP' ? helps : types
      expect(seen.has(name!), `${word} of ${name} once more`).toBe(false)
      seen.set(name!, rest!)
      family = name!
      continue
    }
    const [, metric, , inner = '', value] = sample.exec(line) ?? []
    expect(metric, line).toBeDefined()
    // Samples stand with their metric, each once.
    expect([family, `${family}_bucket`, `${family}_sum`, `${family}_count`], line).toContain(metric)
    const key = line.slice(0, line.lastIndexOf(' '))
    expect(samples.has(key), `${key} once more`).toBe(false)
    expect(value, line).toMatch(/^([+-]?(\d+(\.\d+)?(e[+-]?\d+)?|Inf)|Nan|NaN)$/)
    samples.set(key, Number(value))
    const names = labels.get(family) ?? new Set()
    labels.set(family, names)
    let read = 0
    for (const [whole, labelName] of inner.matchAll(label)) {
      names.add(labelName!)
      read += whole!.length
    }
    expect(read, line).toBe(inner.length)
  }
  return { types, helps, samples, labels }
}
