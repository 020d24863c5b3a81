// Objects without the members that are not there.

type Compact<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** The object without its undefined members. */
export function compact<T extends object>(object: T): Compact<T> {
  const kept: Record<string, unknown> = {}
  for (const name of Object.keys(object)) {
    const value = object[name as keyof T]
    if (value !== undefined) kept[name] = value
  }
  return kept as Compact<T>
}

/** The same, or undefined where no member is left. */
export function compactOrNothing<T extends object>(object: T): Compact<T> | undefined {
  const kept = compact(object)
  return Object.keys(kept).length === 0 ? undefined : kept
}
