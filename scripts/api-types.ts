// Makes src/client/api-types.ts, the types of `postern/client`, from the API's OpenAPI document. Run it after a change of
// a route: a test says when it is due. What openapi-typescript would make needs the JavaScript API of TypeScript 5, which
// the compiler of this project no longer has; of the document's schemas only what occurs there is understood here.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type InboxParts, inboxRoutes, root } from '../src/api/inbox.ts'
import { openApiDocument } from '../src/api/openapi.ts'

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
  description?: string
}

interface Parameter {
  name: string
  in: 'query' | 'path' | 'header'
  required?: boolean
  description?: string
  schema: Schema
}

interface Operation {
  operationId: string
  summary?: string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const header = `// What the API takes and answers. Made by scripts/api-types.ts from the OpenAPI document: not to be changed by hand.
// Of the answers only those of success are here: the client throws the others.
`

export function apiTypes(): string {
  const routes = inboxRoutes({ store: {} } as InboxParts)
  const document = openApiDocument(
    routes.map(({ definition }) => definition),
    root,
  ) as unknown as Document
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => `${comment(schema.description, '')}export type ${name} = ${typeOf(schema, '')}\n`,
  )
  const paths = Object.entries(document.paths).map(([path, operations]) => {
    const methods = Object.entries(operations).map(
      ([method, operation]) => `${comment(operation.summary, '    ')}    ${method}: ${operationType(operation)}\n`,
    )
    return `  '${path}': {\n${methods.join('')}  }\n`
  })
  return `${header}\n${schemas.join('\n')}\nexport interface paths {\n${paths.join('')}}\n`
}

function operationType({ parameters = [], requestBody, responses }: Operation): string {
  const indent = '      '
  const given = (place: Parameter['in']) => parameters.filter(each => each.in === place)
  const places = (['query', 'header', 'path'] as const).map(place => {
    const members = given(place)
    if (members.length === 0) return `${place}?: never`
    const type = typeOf(
      {
        type: 'object',
        properties: Object.fromEntries(
          members.map(({ name, schema, description }) => [
            name,
            description === undefined ? schema : { ...schema, description },
          ]),
        ),
        required: members.filter(({ required }) => required).map(({ name }) => name),
      },
      `${indent}  `,
      // Under exactOptionalPropertyTypes too one may hand on what may be undefined.
      ' | undefined',
    )
    return `${place}${members.some(({ required }) => required) ? '' : '?'}: ${type}`
  })
  const body =
    requestBody === undefined
      ? 'requestBody?: never'
      : `requestBody${requestBody.required ? '' : '?'}: ${contentType(requestBody.content, indent)}`
  const answers = Object.entries(responses)
    .filter(([status]) => status.startsWith('2'))
    .map(([status, { content }]) => `${indent}  ${status}: ${contentType(content ?? {}, `${indent}  `)}\n`)
  return [
    '{',
    `${indent}parameters: {`,
    ...places.map(place => `${indent}  ${place}`),
    `${indent}}`,
    `${indent}${body}`,
    `${indent}responses: {\n${answers.join('')}${indent}}`,
    '    }',
  ].join('\n')
}

function contentType(content: Record<string, { schema: Schema }>, indent: string): string {
  const media = Object.entries(content).map(([type, { schema }]) => `'${type}': ${typeOf(schema, indent)}`)
  return media.length === 0 ? '{ content?: never }' : `{ content: { ${media.join('; ')} } }`
}

function typeOf(schema: Schema, indent: string, absent = ''): string {
  const { $ref, type, enum: values, oneOf, anyOf, allOf, items } = schema
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (schema.const !== undefined) return literal(schema.const)
  if (values !== undefined) return values.map(literal).join(' | ')
  const parts = oneOf ?? anyOf
  if (parts !== undefined) return parts.map(part => typeOf(part, indent)).join(' | ')
  if (allOf !== undefined) return allOf.map(part => bracketed(typeOf(part, indent))).join(' & ')
  if (Array.isArray(type)) return type.map(each => typeOf({ ...schema, type: each }, indent)).join(' | ')
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      return items === undefined ? 'unknown[]' : `${bracketed(typeOf(items, indent))}[]`
    case 'object':
      return objectType(schema, indent, absent)
    case undefined:
      return 'unknown'
    default:
      throw new Error(`a type that nobody has met: ${type}`)
  }
}

function objectType(
  { properties = {}, required = [], additionalProperties }: Schema,
  indent: string,
  absent: string,
): string {
  const inner = `${indent}  `
  const others =
    additionalProperties === undefined || additionalProperties === false
      ? undefined
      : typeOf(additionalProperties === true ? {} : additionalProperties, inner)
  const members = Object.entries(properties).map(
    ([name, schema]) =>
      `${comment(schema.description, inner)}${inner}${key(name)}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)}${required.includes(name) ? '' : absent}\n`,
  )
  if (members.length === 0) return `Record<string, ${others ?? 'unknown'}>`
  if (others === 'unknown') members.push(`${inner}[name: string]: unknown\n`)
  const object = `{\n${members.join('')}${indent}}`
  return others === undefined || others === 'unknown' ? object : `${object} & Record<string, ${others}>`
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '* /').replaceAll(/\s*\n\s*/g, ' ')} */\n`
}

/** Fit to stand beside an operator; one that is within braces alone needs nothing. */
export function bracketed(type: string): string {
  let outside = type
  for (let before = ''; before !== outside; ) {
    before = outside
    outside = before.replaceAll(/\{[^{}]*\}/g, '')
  }
  return /[|&]/.test(outside) ? `(${type})` : type
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
}

function key(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`
}

if (import.meta.main) writeFileSync(join(dirname(import.meta.dirname), 'src/client/api-types.ts'), apiTypes())
