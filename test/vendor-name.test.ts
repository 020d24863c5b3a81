import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generic, standardWebhooks } from '../adapters/index.ts'
import { bearer } from '../src/checks/bearer.ts'
import { catalogueTypes } from '../src/event.ts'
import { assertVendorName } from '../src/vendor-name.ts'

const configured = ['generic', 'standard-webhooks']
const adapters = readdirSync(join(import.meta.dirname, '..', 'adapters'))
  .map(file => file.replace(/\.ts$/, ''))
  .filter(name => name !== 'index' && !configured.includes(name))

describe("a vendor's name", () => {
  test('may be any other', () => {
    for (const name of ['github', 'acme_pay', 'a', 'loans', 'x2'])
      expect(() => assertVendorName('v', name)).not.toThrow()
  })

  test('is not that of an adapter, of a thing in the catalogue, or our own', () => {
    const things = catalogueTypes.map(type => type.split('.')[0])
    for (const name of [...adapters, ...things, 'postern', 'custom']) {
      expect(() => assertVendorName('the.setting', name), name).toThrow(/^the\.setting: .* is reserved/)
    }
  })

  test('is a segment of a type', () => {
    for (const name of ['', 'Acme', 'acme-pay', 'acme.pay', '2x', '_x', 'ä', 'acme ', 'acme\n', undefined, 7, {}]) {
      expect(() => assertVendorName('the.setting', name), String(name)).toThrow(/^the\.setting: expected a name/)
    }
  })

  test('is looked at when a source is made', () => {
    const check = bearer('token')
    expect(() => standardWebhooks({ vendor: 'loan', check })).toThrow(/^standardWebhooks\.vendor/)
    expect(() => generic({ vendor: 'Banclo', check, id: 'a', type: 'b' })).toThrow(/^generic\.vendor/)
  })
})
