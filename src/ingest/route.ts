// Where a request is going: the source, its path token, and the rest, which belongs to the adapter.
import type { Source } from './source.ts'

export interface Route {
  source: Source
  pathToken: string | undefined
  rest: string
  query: string
}

const prefix = '/hooks/'

/** The route of a raw request target; undefined where no source is meant. */
export function routeOf(whole: string, sources: ReadonlyMap<string, Source>): Route | undefined {
  // Proxies may send the target in absolute form, and every server takes it (RFC 9112, 3.2.2).
  const target = whole.startsWith('/') ? whole : whole.replace(/^https?:\/\/[^/?]*/i, '')
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  if (!path.startsWith(prefix)) return undefined
  const segments = decoded(path.slice(prefix.length))
  const source = sources.get(segments?.[0] ?? '')
  if (segments === undefined || source === undefined) return undefined
  const query = mark < 0 ? '' : target.slice(mark + 1)
  const rest = segments.slice(1)
  const first = rest[0]
  if (!source.hasPathToken || first === undefined) return { source, pathToken: undefined, rest: rest.join('/'), query }
  // Beside a token in the path another proof may do (anyOf): then the first segment is already the adapter's.
  const owned = source.check?.ownsSegment?.(first) ?? false
  const alternative = source.check?.parts?.every === false && !owned
  return { source, pathToken: first, rest: (alternative ? rest : rest.slice(1)).join('/'), query }
}

function decoded(path: string): string[] | undefined {
  try {
    return path
      .split('/')
      .filter(segment => segment !== '')
      .map(segment => (segment.includes('%') ? decodeURIComponent(segment) : segment))
  } catch {
    return undefined
  }
}
