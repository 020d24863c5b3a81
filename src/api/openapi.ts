// The API's OpenAPI 3.1 document, made of its routes. Its answers are open objects, since members are added within a
// version; that no answer has one that is not in it is tested.
import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import { type ErrorCode, errorStatus } from '../errors.ts'
import { problemForm, problemOf, problemType } from './problem.ts'
import { problemList } from './problem-list.ts'
import type { AnswerDefinition, RouteDefinition } from './route.ts'

type Responses = RouteConfig['responses']
type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>

const description = `What arrived, what it means, what did not get in, and where it goes.

Every list is \`{ "items", "next" }\`: give \`next\` back as \`cursor\`, with the same filters, for the next page. A parameter that is
a list is given several times, \`type=loan.*&type=payment.*\`; one that there is not is refused. Problems are
RFC 9457, with a \`code\` and the parameter or the member that is wrong. Events are CloudEvents 1.0; what the \`data\` of each
type has is in \`/schemas/event\`, as JSON Schema.`

const tokenDescription =
  'A token, by its scopes: `read`; `raw`, raw bodies and originals; `operate`, replaying, retrying, pausing; `admin`, ' +
  'everything. What an operation takes stands beside it.'

/** `root`: where the routes are, as a path. */
export function openApiDocument(definitions: readonly RouteDefinition[], root: string): OpenApiDocument {
  const app = new OpenAPIHono()
  const registry = app.openAPIRegistry
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: tokenDescription,
  })
  for (const code of Object.keys(problemList) as ErrorCode[]) {
    const { when, detail, errors } = problemList[code]!
    registry.registerComponent('examples', code, { summary: when, value: problemOf(code, detail, errors) })
  }
  for (const definition of definitions) registry.registerPath(createRoute(documented(definition)))
  const document = app.getOpenAPI31Document(
    {
      openapi: '3.1.0',
      info: {
        title: 'Postern',
        version: '1',
        description,
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      servers: [{ url: root }],
      tags: [...new Set(definitions.map(({ tag }) => tag))].map(name => ({ name })),
    },
    { unionPreferredType: 'oneOf' },
  )
  for (const operations of Object.values(document.paths ?? {})) Object.values(operations as object).forEach(saidOnce)
  return document
}

/** What a parameter is stands beside it, and not in its schema too. */
function saidOnce({
  parameters = [],
}: {
  parameters?: { schema: Record<string, unknown>; example?: unknown }[]
}): void {
  for (const parameter of parameters) {
    const { description: _, example, ...schema } = parameter.schema
    parameter.schema = schema
    if (example !== undefined) parameter.example = example
  }
}

const ifNoneMatch = {
  'If-None-Match': z.string().optional().meta({ description: 'the `ETag` of a copy: 304 where nothing has changed' }),
}

function documented(definition: RouteDefinition): RouteConfig {
  const { method, path, name, tag, summary, description, scope, params, query, headers, body } = definition
  const given = definition.documentedBody ?? body
  const isLimited = definition.bySource !== true && scope !== null && scope !== 'admin'
  const details = [description, isLimited ? 'Not for a token that is limited to sources.' : undefined]
    .filter(each => each !== undefined)
    .join(' ')
  return {
    method,
    path,
    operationId: name,
    tags: [tag],
    summary,
    ...(details === '' ? {} : { description: details }),
    security: scope === null ? [] : [{ token: [scope] }],
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(headers === undefined && definition.etag !== true
        ? {}
        : { headers: z.object({ ...headers?.shape, ...(definition.etag === true ? ifNoneMatch : {}) }) }),
      ...(given === undefined
        ? {}
        : {
            body: {
              required: !given.safeParse({}).success,
              content: {
                'application/json': {
                  schema: given,
                  ...(definition.bodyExample === undefined ? {} : { example: definition.bodyExample }),
                },
              },
            },
          }),
    },
    responses: { ...answersOf(definition), ...problemsOf(definition) },
  }
}

function answersOf({ answers, etag }: RouteDefinition): Responses {
  const tag = etag === true ? { headers: headersOf({ ETag: 'to give back as `If-None-Match`' }) } : {}
  return {
    ...Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [
        status,
        { description: answer.description, ...tag, content: contentOf(answer) },
      ]),
    ),
    ...(etag === true ? { 304: { description: 'It is what `If-None-Match` names', ...tag } } : {}),
  }
}

function contentOf({ schema, example, contentType = 'application/json' }: AnswerDefinition) {
  const media = { schema: schema ?? z.string(), ...(example === undefined ? {} : { example }) }
  return { [contentType]: media }
}

/** By status, since several codes may have one. */
function problemsOf(definition: RouteDefinition): Responses {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of problemCodes(definition)) {
    byStatus.set(errorStatus[code], [...(byStatus.get(errorStatus[code]) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map(code => `\`${code}\`: ${problemList[code]?.when ?? code}`).join('; '),
        ...(status === 401 ? { headers: headersOf({ 'WWW-Authenticate': '`Bearer`' }) } : {}),
        ...(status === 503 ? { headers: headersOf({ 'Retry-After': 'seconds' }) } : {}),
        content: {
          [problemType]: {
            schema: problemForm,
            examples: Object.fromEntries(codes.map(code => [code, { $ref: `#/components/examples/${code}` }])),
          },
        },
      },
    ]),
  )
}

/** What may go wrong with a route: by its parts, and what it says itself. */
export function problemCodes({ scope, params, body, problems = [] }: RouteDefinition): ErrorCode[] {
  const codes: ErrorCode[] = [
    'bad_request',
    ...(scope === null ? [] : (['unauthenticated', 'forbidden'] as const)),
    ...(params === undefined ? [] : (['not_found'] as const)),
    ...(body === undefined ? [] : (['body_too_large'] as const)),
    ...problems,
    'internal',
    'store_refused',
    'unavailable',
    'store_full',
    'store_busy',
    'store_readonly',
    'store_failed',
    'store_unreachable',
  ]
  return [...new Set(codes)]
}

function headersOf(headers: Readonly<Record<string, string>>) {
  const entries = Object.entries(headers).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' as const } },
  ])
  return Object.fromEntries(entries) as Record<string, { description: string; schema: { type: 'string' } }>
}
