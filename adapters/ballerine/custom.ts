// Ballerine's custom webhooks, a plugin of a workflow: the body is the result of a transform and nothing else, with no
// id, name or time. What it means, the source's own mapping says; without one it is kept as it came.
import { createHash } from 'node:crypto'
import type { InboundRequest, Normalised, NormaliseOptions } from '../../src/adapter.ts'
import { type Plain, plainJson } from '../../src/json/plain.ts'
import { compileMapping, type Mapped } from '../../src/mapping.ts'
import { typeName } from '../../src/names.ts'

/** JMESPath expressions over the payload; with GET over the query's parameters. */
export interface CustomMapping {
  /** What is the same when the webhook is sent again. */
  id?: string | undefined
  /** A catalogue type, or a name of your own; a fixed one is a literal: `"'loan.status_changed'"`. */
  type?: string | undefined
  /** `kind/id`. */
  subject?: string | undefined
  data?: string | undefined
}

export type CustomMappings = Readonly<Record<string, CustomMapping>>
type Compiled = ReadonlyMap<string, ReturnType<typeof compileMapping>>

/** Compiles the mappings. Throws TypeError, naming the setting, for one that cannot work. */
export function compileCustom(custom: CustomMappings): Compiled {
  return new Map(
    Object.entries(custom).map(([name, mapping]) => {
      const setting = `ballerine.custom.${name}`
      if (name === '' || name.includes('/')) throw new TypeError(`${setting}: expected a name without slashes`)
      if (typeof mapping !== 'object' || mapping === null || Object.hasOwn(mapping, 'time')) {
        throw new TypeError(`${setting}: expected expressions for id, type, subject, data`)
      }
      return [name, compileMapping(setting, mapping)]
    }),
  )
}

/** The name in `custom/<name>`, or undefined for another path. */
export function customName(rest: string): string | undefined {
  const encoded = /^custom\/([^/]+)$/.exec(rest)?.[1]
  if (encoded === undefined) return undefined
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

export function normaliseCustom(
  name: string,
  request: InboundRequest,
  options: NormaliseOptions,
  mappings: Compiled,
  redacted: readonly string[],
): Normalised {
  const content = contentHash(request)
  const fallbackType = typeName('ballerine.custom', name)
  const map = mappings.get(name)
  let mapped: Mapped = { id: undefined, type: fallbackType, subject: undefined, time: undefined, data: { refs: {} } }
  if (map !== undefined) {
    const payload = payloadOf(request, [...redacted, ...(options.redact ?? [])])
    if ('problem' in payload) return { notUnderstood: `the body is not JSON: ${payload.problem}` }
    const result = map(payload.value, { prefix: 'ballerine.custom', fallbackType, currency: options.currency })
    if ('notUnderstood' in result) return result
    mapped = result
  }
  return {
    drafts: [
      {
        type: mapped.type,
        vendortype: `custom.${name}`,
        vendorid: mapped.id,
        subject: mapped.subject,
        environment: options.environment,
        dedupe: mapped.id === undefined ? ['custom', name, request.method, content] : ['custom', name, mapped.id],
        content,
        data: mapped.data,
      },
    ],
  }
}

/** Of all that such a request says. The body's own hash is of the bytes as they came, before anything was redacted. */
function contentHash(request: InboundRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([request.rest, request.query, request.sha256]))
    .digest('hex')
}

function payloadOf(request: InboundRequest, redacted: readonly string[]): { value: Plain } | { problem: string } {
  if (request.method === 'GET' || request.body.length === 0) return { value: queryOf(request.query) }
  return request.json.ok ? { value: plainJson(request.json.value, redacted) } : { problem: request.json.problem }
}

/** The query's parameters; one that is there several times is a list. */
function queryOf(query: string): Plain {
  const parameters: { [name: string]: Plain } = Object.create(null)
  const all = new URLSearchParams(query)
  for (const name of new Set(all.keys())) {
    const values = all.getAll(name)
    parameters[name] = values.length === 1 ? values[0]! : values
  }
  return parameters
}
