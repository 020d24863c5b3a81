// JMESPath expressions that operators write: compiled once, checked when they are set, evaluated on what strangers send
// without ever throwing.
import { compile, isRegistered, TreeInterpreter } from '@jmespath-community/jmespath'
import type { Plain } from './json/plain.ts'
import { plainResult } from './mapped-data.ts'

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
