// A subscription's filter: JMESPath over the event, in as much of the language as ends soon on any event.
// All of JMESPath would not: `[@,@][] | [@,@][] | …` doubles a list with every step, `$` within a projection walks the
// whole event for each element, literal lists within each other multiply, and `trim` goes back over every blank.
// What is left reads each part of the event once for each of its steps, and the steps are counted.
import { type compile, compile as parse } from '@jmespath-community/jmespath'
import { compileExpression } from '../expression.ts'
import type { Plain } from '../json/plain.ts'

type Node = ReturnType<typeof compile>

export const filterLengthMax = 1_024
/** Parts within parts. */
const depthMax = 100
/** Steps that go over a list, or over all of a text or an object. */
const walksMax = 12

/** They give back no more than they are given. */
const functions = new Set([
  'abs',
  'avg',
  'ceil',
  'contains',
  'ends_with',
  'find_first',
  'find_last',
  'floor',
  'keys',
  'length',
  'lower',
  'map',
  'max',
  'max_by',
  'min',
  'min_by',
  'not_null',
  'reverse',
  'sort',
  'sort_by',
  'starts_with',
  'sum',
  'to_number',
  'to_string',
  'type',
  'upper',
  'values',
])
const cheap = new Set(['abs', 'ceil', 'ends_with', 'floor', 'not_null', 'starts_with', 'to_number', 'type'])
const walks = new Set(['Flatten', 'Slice'])
/** What gives back nothing of what it is given. */
const consuming = new Set(['Comparator', 'contains', 'ends_with', 'find_first', 'find_last', 'starts_with'])
const simple = new Set([
  'AndExpression',
  'Arithmetic',
  'Comparator',
  'Current',
  'Field',
  'Identity',
  'Index',
  'IndexExpression',
  'NotExpression',
  'OrExpression',
  'Pipe',
  'Subexpression',
  'Ternary',
  'Unary',
])
/** What stands behind `!a` in `!a.b`. */
const bindsLess = new Set(['Subexpression', 'IndexExpression', 'Projection', 'ValueProjection', 'FilterProjection'])
const refused: Readonly<Record<string, string>> = {
  Root: '`$`',
  LetExpression: '`let`',
  Variable: 'variables',
  MultiSelectHash: '`{…}`',
  ExpressionReference: '`&` outside of a function',
}

/**
 * A filter as a function: whether an event passes; undefined where the filter cannot be evaluated on it.
 * Throws TypeError, which names the setting, for what is no JMESPath, is too long, or might not end soon.
 */
export function compileFilter(setting: string, filter: string): (event: Plain) => boolean | undefined {
  if (typeof filter === 'string' && filter.length > filterLengthMax) {
    throw new TypeError(`${setting}: expected at most ${filterLengthMax} characters, got ${filter.length}`)
  }
  const evaluate = compileExpression(setting, filter)
  const walked = { count: 0 }
  const problem = problemOf(parse(filter), { depth: 0, within: undefined, each: false }, walked)
  if (problem !== undefined) throw new TypeError(`${setting}: ${problem}`)
  if (walked.count > walksMax) {
    throw new TypeError(`${setting}: expected at most ${walksMax} steps over lists and texts, got ${walked.count}`)
  }
  return event => {
    const result = evaluate(event)
    return result === undefined ? undefined : isTrue(result)
  }
}

/** Where a node stands. */
interface Place {
  depth: number
  /** The function that it is an argument of, or the kind of node that it is in. */
  within: string | undefined
  /** Whether it is evaluated for each element of something. */
  each: boolean
}

/** Why this might not end soon, or take too much memory. */
function problemOf(node: Node, { depth, within, each }: Place, walked: { count: number }): string | undefined {
  if (depth > depthMax) return `expected at most ${depthMax} parts within each other`
  if ('left' in node && node.left.type === 'NotExpression' && bindsLess.has(node.type)) {
    return '`!` binds closer than what follows, which then finds nothing: write !(a.b)'
  }
  const inner = (children: readonly Node[], name: string, forEach = each) => {
    for (const child of children) {
      const problem = problemOf(child, { depth: depth + 1, within: name, each: forEach }, walked)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  switch (node.type) {
    case 'Literal':
      // Elsewhere it could be walked for each element of another, or fill a list with copies of itself.
      if (within !== undefined && consuming.has(within)) return undefined
      if (typeof node.value === 'object' && node.value !== null) {
        return 'a literal list or object can only be compared with, or be given to contains()'
      }
      return each && typeof node.value === 'string'
        ? 'a literal text within a projection can only be compared with, or be given to contains() and its like'
        : undefined
    case 'MultiSelectList':
      return within === 'contains'
        ? inner(node.children, 'contains')
        : '`[a, b]` can only be given to contains(), as in contains([a, b], c)'
    case 'Function':
      if (!functions.has(node.name)) return `a filter cannot use ${node.name}()`
      if (!cheap.has(node.name)) walked.count++
      return inner(node.children, node.name)
    case 'ExpressionReference':
      return within !== undefined && functions.has(within) ? inner([node.child], node.type, true) : needless(node.type)
    case 'Projection':
    case 'ValueProjection':
    case 'FilterProjection':
      walked.count++
      return inner([node.left], node.type) ?? inner(childrenOf({ ...node, left: node.right }), node.type, true)
    default:
      if (walks.has(node.type)) walked.count++
      else if (!simple.has(node.type)) return needless(node.type)
      return inner(childrenOf(node), node.type)
  }
}

function needless(type: string): string {
  return `a filter cannot use ${Object.hasOwn(refused, type) ? refused[type] : type}`
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).filter(
    (member): member is Node => typeof member === 'object' && member !== null && 'type' in member,
  )
}

/** As JMESPath says it: 0 is true. */
function isTrue(result: Plain): boolean {
  if (result === null || result === false || result === '') return false
  return typeof result !== 'object' || Object.keys(result).length > 0
}
