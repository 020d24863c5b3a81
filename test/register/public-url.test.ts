// Which public URLs a vendor could send to.
import { expect, test } from 'vitest'
import { generic } from '../../adapters/index.ts'
import { unverified } from '../../src/checks/combine.ts'
import { reachFindings } from '../../src/cli/doctor-reach.ts'
import { readSettings } from '../../src/config/settings.ts'
import { configuredSource } from '../../src/register/configured.ts'
import { publicUrlProblem } from '../../src/register/public-url.ts'

test.each([
  'https://hooks.lender.example',
  'https://hooks.lender.example:8443/below',
  'https://[2606:4700::1]',
  'https://1.1.1.1',
])('%s will do', url => expect(publicUrlProblem(url)).toBeUndefined())

test.each([
  'https://localhost',
  'https://gateway',
  'https://gateway.internal',
  'https://127.0.0.1:8080',
  'https://[::1]',
  'https://10.0.0.7',
  'https://169.254.169.254',
])('%s is reached by no vendor', url => expect(publicUrlProblem(url)).toContain('which no vendor can reach'))

test('without one it is where the gateway listens, over IPv6 too', async () => {
  const settings = readSettings({ HOST: '::1', PORT: '9' })
  const sources = { any: generic({ vendor: 'any', check: unverified('a test'), id: 'body.id', type: `'a.b'` }) }
  const { publicUrl } = configuredSource('any', { config: { sources }, settings, env: {} })
  expect(publicUrl).toBe('http://[::1]:9')
  expect(publicUrlProblem(publicUrl)).toContain('which no vendor can reach')
  // A URL that is understood: fetch itself refuses that port.
  const told = expect.stringContaining(`at ${publicUrl}: bad port`)
  expect(await reachFindings(settings, undefined)).toMatchObject([{ text: told }])
})

test('without TLS events would come in the clear', () => {
  expect(publicUrlProblem('http://hooks.lender.example')).toContain('in the clear')
})
