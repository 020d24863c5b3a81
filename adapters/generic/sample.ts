// A request that a mapping understands, made from what its expressions refer to: nobody told us what the vendor sends.
import type { SampleContext, SampleRequest } from '../../src/adapter.ts'
import type { GenericMapping } from './index.ts'

type Fields = { [name: string]: string | Fields }

/** Fills every plain reference (`body.data.id`, `headers."x-event"`) by what the expression is for. */
export function sampleFor(mapping: GenericMapping, type: string, { now, uuid }: SampleContext): SampleRequest {
  const [thing = type, ...verb] = type.split('.')
  const typeReferences = references(mapping.type)
  const values: [references: string[][], value: (index: number) => string][] = [
    // A figure is a right reference, amount and status.
    [references(mapping.data), () => '1'],
    [references(mapping.subject), () => '1'],
    [references(mapping.time), () => new Date(now).toISOString()],
    [typeReferences, index => (typeReferences.length === 1 ? type : index === 0 ? thing : verb.join('.'))],
    [references(mapping.id), () => uuid()],
  ]
  const view: Fields = { headers: {}, query: {}, body: {} }
  for (const [paths, value] of values) {
    for (const [index, path] of paths.entries()) put(view, path, value(index))
  }
  return {
    method: 'POST',
    rest: '',
    query: new URLSearchParams(texts(view.query)).toString(),
    headers: { 'Content-Type': 'application/json', ...texts(view.headers) },
    body: JSON.stringify(view.body),
  }
}

/** The paths that an expression refers to by names alone. */
function references(expression: string | undefined): string[][] {
  const found = (expression ?? '').matchAll(/\b(body|headers|query)((?:\.(?:[A-Za-z_]\w*|"[^"]+"))+)/g)
  return [...found].map(([, root = '', path = '']) => [
    root,
    ...[...path.matchAll(/\.(?:(\w+)|"([^"]+)")/g)].map(([, bare, quoted]) => bare ?? quoted ?? ''),
  ])
}

function put(fields: Fields, [name = '', ...below]: readonly string[], value: string): void {
  const there = Object.hasOwn(fields, name) ? fields[name] : undefined
  const inner: Fields = typeof there === 'object' ? there : {}
  if (below.length > 0) put(inner, below, value)
  const next = below.length > 0 || typeof there === 'object' ? inner : value
  Object.defineProperty(fields, name, { value: next, enumerable: true, configurable: true, writable: true })
}

function texts(fields: string | Fields | undefined): Record<string, string> {
  const entries = typeof fields === 'object' ? Object.entries(fields) : []
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
