// Which methods a path takes, so that the wrong one is told from a path that is not there.
import type { ApiRoute } from './route.ts'

/** The methods that `routes` have for `path`; none where it is no path of theirs. */
export function methodsOf(routes: readonly Pick<ApiRoute, 'definition'>[], path: string): string[] {
  const segments = path.split('/')
  const methods = routes
    .map(({ definition }) => definition)
    .filter(definition => matches(definition.path.split('/'), segments))
    .map(({ method }) => method.toUpperCase())
  // Several may match: `/events/stream` is an `/events/{id}` too.
  return [...new Set(methods.flatMap(method => (method === 'GET' ? ['GET', 'HEAD'] : [method])))]
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((each, at) => (each.startsWith('{') ? segments[at] !== '' : each === segments[at]))
  )
}
