// How each route of the API is called, made of its definition: a route that is added is called by every test of the table.
import { apiDocument, definitions } from './api-document.ts'
import type { RequestOptions } from './http.ts'

export interface RouteCall {
  name: string
  method: string
  /** Of things that are not there. */
  path: string
  options: RequestOptions
  query: readonly string[]
}

/** By name. What answers without an end is only asked for its head. */
export const calls: ReadonlyMap<string, RouteCall> = new Map(
  definitions.map(definition => {
    const { name, query, body, bodyExample, answers } = definition
    const { parameters = [] } = apiDocument.paths[definition.path]![definition.method]!
    const path = definition.path.replaceAll(/\{(\w+)\}/g, (_, part: string) => {
      const example = parameters.find(each => each.in === 'path' && each.name === part)?.example
      if (typeof example !== 'string') throw new Error(`${name}: the parameter ${part} has no example`)
      return example
    })
    const isEndless = answers[200]?.contentType === 'text/event-stream'
    const method = isEndless ? 'HEAD' : definition.method.toUpperCase()
    const json = body === undefined ? {} : { body: JSON.stringify(bodyExample ?? {}) }
    return [name, { name, method, path, options: { method, ...json }, query: Object.keys(query?.shape ?? {}) }]
  }),
)
