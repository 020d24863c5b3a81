// Reading Arix's objects: keys in any case (the vendor's page prints them in two), and .NET's empty values as none.
import type { Json, JsonObject } from '../../src/json/parse.ts'
import { booleanAt, decimalAt, idAt, member, textAt } from '../../src/json/read.ts'

export interface Fields {
  /** The key that a field goes by; of several that differ by case only, the one spelled as asked for. */
  key(name: string): string | undefined
  value(name: string): Json | undefined
  text(name: string): string | undefined
  /** An identifier; a GUID in lower case, the empty one is none. */
  id(name: string): string | undefined
  decimal(name: string): string | undefined
  boolean(name: string): boolean | undefined
  /** The first of the fields that holds a time; .NET's year 1 is none. */
  time(...names: readonly string[]): string | undefined
}

const guidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const emptyGuid = '00000000-0000-0000-0000-000000000000'

export function fieldsOf(object: JsonObject): Fields {
  const key = (name: string) => {
    if (Object.hasOwn(object, name)) return name
    const lower = name.toLowerCase()
    return Object.keys(object).find(each => each.toLowerCase() === lower)
  }
  const at = (name: string): [Json, string] => [object, key(name) ?? name]
  const time = (name: string) => {
    const text = textAt(...at(name))
    return text === undefined || /^0001-01-01/.test(text) ? undefined : text
  }
  return {
    key,
    value: name => member(...at(name)),
    text: name => textAt(...at(name)),
    id(name) {
      const id = idAt(...at(name))
      if (id === undefined || id === emptyGuid) return undefined
      return guidPattern.test(id) ? id.toLowerCase() : id
    },
    decimal: name => decimalAt(...at(name)),
    boolean: name => booleanAt(...at(name)),
    time(...names) {
      for (const name of names) if (time(name) !== undefined) return time(name)
      return undefined
    },
  }
}
