// A source's own mapping: JMESPath expressions that say what a payload without a known envelope means.
// Expressions are the operator's and fail at start; payloads are a stranger's and never make anything here throw.
import { compile, isRegistered, TreeInterpreter } from '@jmespath-community/jmespath'
import { catalogue, type EventData, isCatalogueType, isOwnEventType, openData } from './event.ts'
import type { Plain } from './json/plain.ts'
import { mappedData, plainResult, textOf } from './mapped-data.ts'
import { lowerGuid, typeName } from './names.ts'

export { mappedData } from './mapped-data.ts'

/** Longer than this is a program, which belongs into an adapter. */
const expressionLengthMax = 4096

/**
 * An expression as a function: null where it finds nothing, undefined where it cannot be evaluated on that value.
 * Numbers in its result are safe integers; all others are decimal text. Throws TypeError, which names the setting, for
 * an expression that is none, is longer than 4096 characters, or calls a function that there is not.
 */
export function compileExpression(setting: string, expression: string): (value: Plain) => Plain | undefined {
  if (typeof expression !== 'string' || expression.trim() === '') {
    throw new TypeError(`${setting}: expected a JMESPath expression, got ${JSON.stringify(expression)}`)
  }
  if (expression.length > expressionLengthMax) {
    throw new TypeError(`${setting}: expected at most ${expressionLengthMax} characters, got ${expression.length}`)
  }
  const node = parse(setting, expression)
  return value => {
    try {
      return plainResult(TreeInterpreter.search(node, value))
    } catch {
      return undefined
    }
  }
}

/** The expressions that a source's options give. */
export interface MappingExpressions {
  id?: string | undefined
  type?: string | undefined
  /** Must give `kind/id`, such as `join('/', ['loan', to_string(loan.id)])`, or null. */
  subject?: string | undefined
  time?: string | undefined
  /** An object with `refs`, `status`, `amount` and the type's other fields. */
  data?: string | undefined
}

export interface Mapped {
  id: string | undefined
  type: string
  /** What the mapping called the type, where it gave one. */
  named?: string | undefined
  subject: string | undefined
  time: string | undefined
  data: EventData
}

export interface MappingContext {
  /** What stands before a type that is in no catalogue: `ballerine.custom`. */
  prefix: string
  /** The type where the mapping gives none; without it, such a payload is not understood. */
  fallbackType?: string | undefined
  /** The source's currency, for amounts that name none. */
  currency?: string | undefined
}

const names = ['id', 'type', 'subject', 'time', 'data'] as const

/** Compiles a mapping. Throws TypeError for an expression that is none, naming `<setting>.<member>`. */
export function compileMapping(
  setting: string,
  expressions: MappingExpressions,
): (value: Plain, context: MappingContext) => Mapped | { notUnderstood: string } {
  for (const name of Object.keys(expressions)) {
    if (!(names as readonly string[]).includes(name)) {
      throw new TypeError(`${setting}: expected expressions for ${names.join(', ')}, got "${name}"`)
    }
  }
  const compiled = new Map<string, (value: Plain) => Plain | undefined>()
  for (const name of names) {
    const expression = expressions[name]
    if (expression !== undefined) compiled.set(name, compileExpression(`${setting}.${name}`, expression))
  }
  return (value, context) => {
    const found: Partial<Record<(typeof names)[number], Plain>> = {}
    for (const name of names) {
      const result = compiled.has(name) ? compiled.get(name)?.(value) : null
      if (result === undefined) return { notUnderstood: `${setting}.${name} cannot be evaluated on this payload` }
      found[name] = result
    }
    const subject = textOf(found.subject)
    if (subject !== undefined && !/^[A-Za-z][A-Za-z0-9_]*\/./.test(subject)) {
      return { notUnderstood: `${setting}.subject: expected kind/id` }
    }
    const named = textOf(found.type)
    const type = named === undefined ? context.fallbackType : mayEmit(named) ? named : typeName(context.prefix, named)
    if (type === undefined) return { notUnderstood: `${setting}.type found no type` }
    const data = mappedData(found.data ?? null, context.currency)
    const problem = data === undefined ? 'expected an object' : problemOf(type, data)
    if (data === undefined || problem !== undefined) return { notUnderstood: `${setting}.data: ${problem} (${type})` }
    return {
      id: textOf(found.id),
      type,
      named,
      subject: subject && lowerSubject(subject),
      time: textOf(found.time),
      data,
    }
  }
}

/** A catalogue type, unless it is one of our own events: what a sender says must not pass for those. */
function mayEmit(type: string): boolean {
  return isCatalogueType(type) && !isOwnEventType(type)
}

function parse(setting: string, expression: string): ReturnType<typeof compile> {
  try {
    const node = compile(expression)
    // The library would find out at the first event only.
    const unknown = calledFunctions(node).find(name => !isRegistered(name))
    if (unknown !== undefined) throw new Error(`there is no function ${unknown}()`)
    return node
  } catch (error) {
    throw new TypeError(`${setting}: expected a JMESPath expression: ${(error as Error).message}`)
  }
}

function calledFunctions(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const { type, name } = node as { type?: unknown; name?: unknown }
  // A literal's value is data, whatever it looks like.
  if (type === 'Literal') return []
  const below = Object.values(node).flatMap(calledFunctions)
  return type === 'Function' && typeof name === 'string' ? [name, ...below] : below
}

function problemOf(type: string, data: EventData): string | undefined {
  const schema = isCatalogueType(type) ? catalogue[type] : openData
  const issue = schema.safeParse(data).error?.issues[0]
  return issue && `${issue.path.join('.')}: ${issue.message}`
}

function lowerSubject(subject: string): string {
  const slash = subject.indexOf('/')
  return `${subject.slice(0, slash)}/${lowerGuid(subject.slice(slash + 1))}`
}
