// Strict JSON (RFC 8259) that keeps every number as the text it was, and knows where each member lies in the text.
// JSON.parse turns 9007199254740993.10 into another number; and its reviver, which could see the digits, takes four
// times as long as this does. It must accept and refuse exactly what JSON.parse does, but for nesting past the limit.

/** A number as it stood in the text: `1.0E7`, `8500.0`. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/** Where something lies in the text: `[start, end)`. */
export interface Span {
  start: number
  end: number
}

/** What `onMember` is told of each object member: `key` to `value`, and where they lie. */
export interface MemberSpan {
  path: readonly string[]
  key: Span
  value: Span
}

export class JsonSyntaxError extends Error {
  readonly offset: number
  constructor(problem: string, offset: number) {
    super(`${problem} at offset ${offset}`)
    this.name = 'JsonSyntaxError'
    this.offset = offset
  }
}

/** Deeper than this is refused: no vendor nests so deep, and recursion must not meet the end of the stack. */
export const jsonDepthMax = 512

/** Parses `text`. Throws JsonSyntaxError. Of duplicate keys the last one counts, as with JSON.parse. */
export function parseJson(text: string): Json {
  return new Parser(text).document()
}

/** Paths of members to be told of; `*` stands for any one name or index. `all` of them, however deep. */
export type WantedPaths = readonly (readonly string[])[] | 'all'

/**
 * Reads `text` without keeping it and reports the members at the wanted paths, duplicates included, in order. Array
 * elements have their index as their path segment. What nobody wants costs no memory: the text may be a stranger's.
 * Throws JsonSyntaxError for what parseJson refuses.
 */
export function scanJson(text: string, wanted: WantedPaths, onMember: (member: MemberSpan) => void): void {
  new Parser(text, { wanted, onMember }).document()
}

interface Scan {
  wanted: WantedPaths
  onMember(member: MemberSpan): void
}

/** Of an array's element. */
const noKey: Span = { start: 0, end: 0 }
const QUOTE = 34
const BACKSLASH = 92
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

class Parser {
  readonly #text: string
  /** Undefined where a value is built. */
  readonly #scan: Scan | undefined
  /** Below this depth nothing is wanted. */
  readonly #depthMax: number
  readonly #path: string[] = []
  /** Above 0 within what nobody wants anything of. */
  #unwanted = 0
  #at = 0

  constructor(text: string, scan?: Scan) {
    this.#text = text
    this.#scan = scan
    const wanted = scan?.wanted ?? []
    this.#depthMax = wanted === 'all' ? jsonDepthMax : Math.max(0, ...wanted.map(path => path.length))
  }

  document(): Json {
    const value = this.#value(0)
    this.#space()
    if (this.#at < this.#text.length) throw new JsonSyntaxError('text after the end of the JSON value', this.#at)
    return value
  }

  #value(depth: number): Json {
    this.#space()
    switch (this.#text.charCodeAt(this.#at)) {
      case 123:
        return this.#object(depth + 1)
      case 91:
        return this.#array(depth + 1)
      case QUOTE:
        return this.#scan === undefined ? this.#string() : this.#skipString()
      case 116:
        return this.#word('true', true)
      case 102:
        return this.#word('false', false)
      case 110:
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(depth: number): JsonObject {
    if (depth > jsonDepthMax) throw new JsonSyntaxError(`nested deeper than ${jsonDepthMax} levels`, this.#at)
    const object: JsonObject = {}
    this.#at++
    this.#space()
    if (this.#text.charCodeAt(this.#at) === 125) {
      this.#at++
      return object
    }
    for (;;) {
      this.#space()
      const keyStart = this.#at
      if (this.#text.charCodeAt(keyStart) !== QUOTE) throw new JsonSyntaxError('expected a member name', keyStart)
      const skipped = this.#scan !== undefined && (this.#unwanted > 0 || depth > this.#depthMax)
      const name = skipped ? this.#skipString() : this.#string()
      const keyEnd = this.#at
      this.#space()
      if (this.#text.charCodeAt(this.#at) !== 58) throw new JsonSyntaxError('expected ":"', this.#at)
      this.#at++
      const value = this.#child(name, { start: keyStart, end: keyEnd }, depth)
      // A plain assignment to __proto__ would set the prototype instead of a member.
      if (this.#scan !== undefined) {
        // Nothing is kept.
      } else if (name === '__proto__') {
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
      } else object[name] = value
      this.#space()
      const after = this.#text.charCodeAt(this.#at)
      if (after !== 44 && after !== 125) throw new JsonSyntaxError('expected "," or "}"', this.#at)
      this.#at++
      if (after === 125) return object
    }
  }

  #array(depth: number): Json[] {
    if (depth > jsonDepthMax) throw new JsonSyntaxError(`nested deeper than ${jsonDepthMax} levels`, this.#at)
    const array: Json[] = []
    this.#at++
    this.#space()
    if (this.#text.charCodeAt(this.#at) === 93) {
      this.#at++
      return array
    }
    for (let index = 0; ; index++) {
      const named = this.#scan !== undefined && this.#unwanted === 0 && depth <= this.#depthMax
      const value = this.#child(named ? String(index) : '', noKey, depth)
      if (this.#scan === undefined) array.push(value)
      this.#space()
      const after = this.#text.charCodeAt(this.#at)
      if (after !== 44 && after !== 93) throw new JsonSyntaxError('expected "," or "]"', this.#at)
      this.#at++
      if (after === 93) return array
    }
  }

  #child(name: string, key: Span, depth: number): Json {
    if (this.#scan === undefined || this.#unwanted > 0 || depth > this.#depthMax) return this.#value(depth)
    if (!this.#leadsOn(this.#scan.wanted, name, depth)) {
      this.#unwanted++
      const value = this.#value(depth)
      this.#unwanted--
      return value
    }
    this.#space()
    const start = this.#at
    this.#path.push(name)
    const value = this.#value(depth)
    if (this.#isWanted(this.#scan.wanted)) {
      this.#scan.onMember({ path: this.#path.slice(), key, value: { start, end: this.#at } })
    }
    this.#path.pop()
    return value
  }

  /** Whether any wanted path has this name at this depth. */
  #leadsOn(wanted: WantedPaths, name: string, depth: number): boolean {
    if (wanted === 'all') return true
    return wanted.some(path => path[depth - 1] === '*' || path[depth - 1] === name)
  }

  #isWanted(wanted: WantedPaths): boolean {
    if (wanted === 'all') return true
    const path = this.#path
    return wanted.some(
      each => each.length === path.length && each.every((name, index) => name === '*' || name === path[index]),
    )
  }

  /** A string that nobody wants; escapes are looked at all the same. */
  #skipString(): string {
    const text = this.#text
    for (let at = this.#at + 1; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        return ''
      }
      if (code === BACKSLASH) {
        this.#escapedString(this.#at + 1, at)
        return ''
      }
      if (code < 32) throw new JsonSyntaxError('control character in a string', at)
    }
    throw new JsonSyntaxError('string without an end', this.#at)
  }

  #string(): string {
    const text = this.#text
    const start = this.#at + 1
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        return text.slice(start, at)
      }
      if (code === BACKSLASH) return this.#escapedString(start, at)
      if (code < 32) throw new JsonSyntaxError('control character in a string', at)
    }
    throw new JsonSyntaxError('string without an end', start - 1)
  }

  /** A string with an escape in it is found here and read by JSON.parse, which knows every escape. */
  #escapedString(start: number, firstEscape: number): string {
    const text = this.#text
    for (let at = firstEscape; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === BACKSLASH) at++
      else if (code === QUOTE) {
        this.#at = at + 1
        try {
          return JSON.parse(text.slice(start - 1, at + 1))
        } catch {
          throw new JsonSyntaxError('bad escape or control character in a string', start - 1)
        }
      }
    }
    throw new JsonSyntaxError('string without an end', start - 1)
  }

  #number(): JsonNumber | null {
    numberPattern.lastIndex = this.#at
    const start = this.#at
    if (!numberPattern.test(this.#text)) {
      throw new JsonSyntaxError(this.#at >= this.#text.length ? 'unexpected end' : 'unexpected character', this.#at)
    }
    this.#at = numberPattern.lastIndex
    return this.#scan === undefined ? new JsonNumber(this.#text.slice(start, this.#at)) : null
  }

  #word<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) throw new JsonSyntaxError('unexpected character', this.#at)
    this.#at += word.length
    return value
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return
      this.#at++
    }
  }
}
