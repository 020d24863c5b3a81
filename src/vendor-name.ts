// Names for vendors that have no adapter of their own. A name is part of their types, `custom.<vendor>.<type>`, and it
// must not pass for a vendor that has one, for a thing of the catalogue, or for Postern itself.
import { catalogueTypes } from './event-types.ts'

const reserved: ReadonlySet<string> = new Set([
  'banclo',
  'embarc',
  'ballerine',
  'arix',
  'receeve',
  'postern',
  'custom',
  ...catalogueTypes.map(type => type.split('.', 1)[0] ?? type),
])

/** Throws TypeError, which names the setting, unless `vendor` is a name that such a vendor may have. */
export function assertVendorName(setting: string, vendor: unknown): asserts vendor is string {
  if (typeof vendor !== 'string' || !/^[a-z][a-z0-9_]*$/.test(vendor)) {
    throw new TypeError(`${setting}: expected a name like acme_pay (a-z, 0-9 and _), got ${JSON.stringify(vendor)}`)
  }
  if (reserved.has(vendor)) throw new TypeError(`${setting}: ${vendor} is reserved, choose another name`)
}
