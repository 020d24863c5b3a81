// A source's own mapping: JMESPath expressions that say what a payload without a known envelope means.
// Expressions are the operator's and fail at start; payloads are a stranger's and never make anything here throw.
import { catalogue, type EventData, isCatalogueType, isOwnEventType, openData } from './event.ts'
import { compileExpression } from './expression.ts'
import type { Plain } from './json/plain.ts'
import { mappedData, textOf } from './mapped-data.ts'
import { lowerGuid, typeName } from './names.ts'

export { mappedData } from './mapped-data.ts'

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

function problemOf(type: string, data: EventData): string | undefined {
  const schema = isCatalogueType(type) ? catalogue[type] : openData
  const issue = schema.safeParse(data).error?.issues[0]
  return issue && `${issue.path.join('.')}: ${issue.message}`
}

function lowerSubject(subject: string): string {
  const slash = subject.indexOf('/')
  return `${subject.slice(0, slash)}/${lowerGuid(subject.slice(slash + 1))}`
}
