// A route of the API: one definition from which come what is checked of a request, whose scope it takes, what is
// documented, the methods that a path takes, and the tests' table. Nothing is served under /api/v1 that is not defined so.
import type { HttpBindings } from '@hono/node-server'
import type { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ErrorCode } from '../errors.ts'
import type { Scope } from '../store/tokens.ts'
import { assertAllowed, assertUnlimited, type Principal, type PrincipalVariables } from './access.ts'
import type { AuditAction } from './audit-actions.ts'
import { type Audited, askedFor, targetOf } from './auditing.ts'
import { checkBody, readJson } from './body.ts'
import { tagged } from './etag.ts'
import { inTurn } from './in-turn.ts'
import type { PageReads } from './page-reads.ts'
import { noParameters, readParameters } from './parameters.ts'
import { found } from './resource.ts'

export interface ApiEnv {
  /** The API's routes see Node's own request and response. */
  Bindings: HttpBindings
  Variables: PrincipalVariables & {
    audited: Audited
    pages: Pick<PageReads, 'run'>
    /** Whether whoever was let in would be let in now. */
    isLive(principal: Principal): Promise<boolean>
  }
}

export type Api = OpenAPIHono<ApiEnv>

export interface AnswerDefinition {
  description: string
  /** Of its JSON. */
  schema?: z.ZodType
  /** What is in the document, and must be as the schema says; without a schema an example of its text. */
  example?: unknown
  /** Default JSON. */
  contentType?: string
}

type Answers = Readonly<Record<number, AnswerDefinition>>

/** What each part is, and whether a handler gets it. */
export interface RouteDefinition<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
  Given extends Answers = Answers,
> {
  method: 'get' | 'post' | 'put' | 'delete'
  /** Below `/api/v1`: `/events/{id}`. */
  path: `/${string}`
  /** What the operation is called by programs: `listEvents`. */
  name: string
  /** The chapter of the reference. */
  tag: string
  summary: string
  description?: string
  /** What a token must have; null: it takes none. */
  scope: Scope | null
  /** What the audit log calls it, where it is kept there: `delivery.retry`; a function where it depends on what is asked. */
  audit?: AuditAction | ((query: z.output<Query>, principal: Principal) => AuditAction | undefined)
  /** Takes what there are few of: where none is free it throws, before the audit log is written. Not of HEAD. */
  before?: (asked: Asked<Params, Query, Body>) => void
  /**
   * It reads many things at once, and waits for its turn: see page-reads.ts. A function where it depends on what is asked.
   */
  inTurn?: true | ((query: z.output<Query>) => boolean)
  /** What the audit log keeps of what is asked; default the query and the body, which then hold no secrets. */
  auditDetail?: (asked: Pick<Asked<Params, Query, Body>, 'params' | 'query' | 'body'>) => object
  /**
   * It shows and touches nothing but what is of the principal's sources. Without it the route is not for a token that is
   * limited to sources.
   */
  bySource?: true
  /** Parts of the path: what does not pass is not there (404). */
  params?: Params
  /** Default none: a parameter that is not in it is refused. */
  query?: Query
  /** Whether its answer has an `ETag`, and `If-None-Match` is looked at: what is one thing, and no page of a list. */
  etag?: boolean
  /** Documented; the handler reads them. */
  headers?: z.ZodObject
  /** JSON, 64 KiB at most; an empty body is `{}`. */
  body?: Body
  /** Documented in place of `body`. */
  documentedBody?: z.ZodType
  bodyExample?: unknown
  answers: Given
  /** Beside those that its parts bring along. */
  problems?: readonly ErrorCode[]
}

export interface Asked<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType> {
  context: Context<ApiEnv>
  principal: Principal
  params: z.output<Params>
  query: z.output<Query>
  body: z.output<Body>
}

/** The JSON that the answers of a definition have. */
type Json<Given extends Answers> = {
  [Status in keyof Given]: Given[Status] extends { schema: infer Schema extends z.ZodType } ? z.input<Schema> : never
}[keyof Given]

export interface ApiRoute {
  readonly definition: RouteDefinition
  answer(context: Context<ApiEnv>): Promise<Response>
}

type None = z.ZodObject<Record<never, never>>

/** A definition with what answers it: a value is sent as JSON with 200. */
export function defineRoute<
  const Given extends Answers,
  Params extends z.ZodObject = None,
  Query extends z.ZodObject = None,
  Body extends z.ZodType = z.ZodUndefined,
>(
  definition: RouteDefinition<Params, Query, Body, Given>,
  handler: (asked: Asked<Params, Query, Body>) => Promise<Response | Json<Given>> | Response | Json<Given>,
): ApiRoute {
  const { method, scope, params, query, body, audit, auditDetail, before, bySource = false } = definition
  return {
    definition: definition as unknown as RouteDefinition,
    async answer(context) {
      const principal = context.get('principal')
      if (scope !== null) {
        assertAllowed(principal, scope)
        if (!bySource) assertUnlimited(principal)
      }
      const read = readParameters(query ?? noParameters, context.req.url) as z.output<Query>
      const named = readPath(params, context) as z.output<Params>
      const given = body && (await readJson(context))
      const asked = { query: read, params: named, body: (body && checkBody(given, body)) as z.output<Body> }
      const waits = typeof definition.inTurn === 'function' ? definition.inTurn(read) : definition.inTurn === true
      const handle = async () => handler({ context, principal, ...asked })
      const act = async () => {
        const answer = await (waits ? inTurn(context, context.get('pages'), handle) : handle())
        const response = answer instanceof Response ? answer : context.json(answer as object)
        return definition.etag === true ? tagged(response, context.req.header('if-none-match')) : response
      }
      // It is answered as GET is, and shows nothing of it: there is nothing to be noted, however often it is asked for.
      if (context.req.method === 'HEAD') return act()
      before?.({ context, principal, ...asked })
      const action = typeof audit === 'function' ? audit(read, principal) : audit
      if (action === undefined) return act()
      const target = targetOf(context.req.param(), given)
      const detail = auditDetail?.(asked) ?? askedFor(context.req.url, given)
      return context.get('audited')({ action, target, detail, isReading: method === 'get' }, act)
    },
  }
}

function readPath(schema: z.ZodObject | undefined, context: Context): unknown {
  return schema === undefined ? {} : found(schema.safeParse(context.req.param()).data)
}

/** As the router writes it: `/events/:id`. */
export function routingPath({ path }: Pick<RouteDefinition, 'path'>): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

/** Into `api`: `/events/stream` before `/events/{id}`, whoever comes first. */
export function mountRoutes(api: Api, routes: readonly ApiRoute[]): void {
  const order = ({ definition }: ApiRoute) =>
    definition.path
      .split('/')
      .map(segment => (segment.startsWith('{') ? 1 : 0))
      .join('')
  for (const route of routes.toSorted((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0))) {
    const { definition } = route
    api.on(definition.method.toUpperCase(), routingPath(definition), context => route.answer(context))
  }
}
