// Which public URLs a vendor could send to.
import { expect, test } from 'vitest'
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

test('without TLS events would come in the clear', () => {
  expect(publicUrlProblem('http://hooks.lender.example')).toContain('in the clear')
})
