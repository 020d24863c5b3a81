// Holds every answer of the API, in whichever test, against the document: a status, a code, a content type or a member
// that is not in it fails the test. The document leaves objects open for what is added later; here they are closed.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { type InboxParts, inboxRoutes, root } from '../../src/api/inbox.ts'
import { openApiDocument } from '../../src/api/openapi.ts'
import type { RouteDefinition } from '../../src/api/route.ts'
import type { Answer } from './http.ts'

interface Media {
  schema: object
  example?: unknown
  examples?: Record<string, { $ref: string }>
}
interface Operation {
  operationId: string
  parameters?: { name: string; in: string; example?: unknown; required?: boolean }[]
  responses: Record<string, { content?: Record<string, Media> }>
}
export interface ApiDocument {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; examples: Record<string, { value: object }> }
}

/** Every route, whatever it would do. */
export const definitions: readonly RouteDefinition[] = inboxRoutes({ store: {} } as InboxParts).map(
  ({ definition }) => definition,
)
export const apiDocument = openApiDocument(definitions, root) as unknown as ApiDocument

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
ajv.addVocabulary(['example'])
// A CommonJS module, whose types say otherwise than it is.
;(formats as unknown as (to: Ajv2020) => void)(ajv)
const closedSchemas = closed(apiDocument.components.schemas)
const validators = new Map<object, ValidateFunction>()

/** What is wrong with `value` by one of the document's schemas; empty: nothing. */
export function wrongWith(schema: object, value: unknown): string {
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = ajv.compile({ ...closed(schema), $defs: closedSchemas })
    validators.set(schema, validate)
  }
  return validate(value) ? '' : ajv.errorsText(validate.errors, { dataVar: '' })
}

/** Throws where the document does not know of such an answer to such a request. */
export function assertDocumented(method: string, target: string, answer: Answer): void {
  const wrong = undocumented(method, target, answer)
  if (wrong === '') return
  throw new Error(`${method} ${target} → ${answer.status}: ${wrong}\n${answer.text.slice(0, 2_000)}`)
}

function undocumented(method: string, target: string, answer: Answer): string {
  const { status, headers, json } = answer
  const type = String(headers['content-type'] ?? '')
  // What Node itself refuses is no answer of the API.
  if (type === '' && (status === 400 || status === 431)) return ''
  // A port without the API, whose every answer says that it is not to be kept.
  if (status === 404 && headers['cache-control'] === undefined) return ''
  const operation = operationOf(method, target)
  if (operation === undefined) {
    if (![401, 404, 405].includes(status)) return 'no operation, and no problem that says so'
    return method === 'HEAD' ? '' : wrongWith(apiDocument.components.schemas.Problem!, json)
  }
  const response = operation.responses[status]
  if (response === undefined) return `${operation.operationId} has no such status`
  if (method === 'HEAD' || status === 304) return answer.text === '' ? '' : 'a body where there can be none'
  const media = response.content?.[type]
  if (media === undefined) return `${operation.operationId} has no ${type} of ${status}`
  if (!/^application\/(problem\+)?json$/.test(type)) return ''
  const code = (json as { code?: string } | undefined)?.code
  if (media.examples !== undefined && !Object.hasOwn(media.examples, code ?? '')) return `no code ${code}`
  return wrongWith(media.schema, json)
}

function operationOf(method: string, target: string): Operation | undefined {
  const segments = target.slice(root.length).split('?', 1)[0]!.split('/')
  const name = method === 'HEAD' ? 'get' : method.toLowerCase()
  const found = Object.entries(apiDocument.paths)
    .filter(([path, operations]) => Object.hasOwn(operations, name) && matches(path.split('/'), segments))
    .toSorted(([a], [b]) => a.split('{').length - b.split('{').length)
  return found[0]?.[1][name]
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((each, at) => (each.startsWith('{') ? segments[at] !== '' : each === segments[at]))
  )
}

/** The schema, and all in it, without room for members that it does not name. */
function closed<Schema>(schema: Schema): Schema {
  if (Array.isArray(schema)) return schema.map(closed) as Schema
  if (typeof schema === 'string') return schema.replace(/^#\/components\/schemas\//, '#/$defs/') as Schema
  if (typeof schema !== 'object' || schema === null) return schema
  if ('allOf' in schema) return closed(merged(schema as unknown as Merged)) as Schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  const isOpen = 'properties' in copy && !('additionalProperties' in copy)
  return (isOpen ? { ...copy, additionalProperties: false } : copy) as Schema
}

interface Merged {
  allOf: ({ $ref: string } | { properties?: object; required?: string[] })[]
}

/** One schema that says what all of them say: closed by itself each would forbid the others' members. */
function merged({ allOf, ...others }: Merged): object {
  const parts = allOf.map(part => ('$ref' in part ? schemaOf(part.$ref) : part)) as Record<string, object>[]
  const required = parts.flatMap(part => (part.required as string[] | undefined) ?? [])
  const properties = Object.assign({}, ...parts.map(part => part.properties)) as object
  return { ...Object.assign({}, ...parts), ...others, properties, required }
}

function schemaOf(reference: string): object {
  return apiDocument.components.schemas[reference.split('/').at(-1)!]!
}
