// `postern register` and `postern registrations` as processes: what they print, what they ask, and their exit codes. No
// secret is in any output.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { type ArixServer, startArix } from '../support/vendor-arix.ts'

const secrets = {
  ARIX_PASSWORD: 'the-basic-password',
  ARIX_API_TOKEN: 'the-api-token',
  PATH_TOKEN: 'the-path-token',
  BALLERINE_SECRET: 'the-shared-secret',
}
const base = 'https://hooks.lender.example/hooks'
let folder: string
let vendor: ArixServer

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-register-'))
  vendor = await startArix(authorization => authorization === `Bearer ${secrets.ARIX_API_TOKEN}`)
  writeFileSync(
    join(folder, 'postern.config.ts'),
    `import { allOf, basic, defineConfig, env, pathToken, secret } from 'postern'
     import { arix, ballerine, embarc, receeve } from 'postern/adapters'
     const check = allOf(pathToken(secret('PATH_TOKEN')), basic({ username: 'arix', password: secret('ARIX_PASSWORD') }))
     const registration = { events: ['LoanStatusUpdated', 'RailUpdated'] }
     export default defineConfig({
       publicUrl: env('PUBLIC_URL', 'https://hooks.lender.example'),
       sources: {
         arix: arix({ partner: 'TST', check, registration,
           api: { baseUrl: '${vendor.url}', auth: { kind: 'bearer', token: secret('ARIX_API_TOKEN') } } }),
         silent: arix({ partner: 'TST', check }),
         embarc: embarc({ check: pathToken(secret('PATH_TOKEN')) }),
         ballerine: ballerine({ check: ballerine.signature({ secret: secret('BALLERINE_SECRET') }) }),
         receeve: receeve({ check: receeve.signature({ publicKey: secret('RECEEVE_PUBLIC_KEY') }) }),
         bare: arix({ partner: 'TST', check: basic({ username: 'arix', password: secret('UNSET_PASSWORD') }) }),
       },
     })`,
  )
})
afterAll(async () => {
  await vendor[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  vendor.registered.splice(0)
  vendor.requests.splice(0)
  vendor.trouble(undefined)
})

interface Ran {
  code: number | null
  out: string
  err: string
}

async function run(args: string, env: Record<string, string> = {}): Promise<Ran> {
  const {
    code,
    stdout: out,
    stderr: err,
  } = await runCommand(args.split(' '), {
    cwd: folder,
    env: { NODE_ENV: 'production', ...secrets, ...env },
  })
  if (!args.includes('--show-secrets')) {
    for (const secret of Object.values(secrets)) expect(out + err).not.toContain(secret)
  }
  return { code, out, err }
}

describe('postern register', () => {
  test('shows what it would do, does it, and has nothing to do the next time', async () => {
    const dry = await run('register arix --dry-run')
    expect(dry).toMatchObject({ code: 0, err: 'Nothing was changed.\n' })
    expect(dry.out).toMatch(/^LoanStatusUpdated +missing +create +\S+\/hooks\/arix\/\*\*\*\/LoanStatusUpdated$/m)
    expect(vendor.changes()).toEqual([])

    const unasked = await run('register arix')
    expect(unasked).toMatchObject({ code: 1, err: expect.stringContaining('Say --yes') })
    expect(vendor.changes()).toEqual([])

    const done = await run('register arix --yes')
    expect(done).toMatchObject({ code: 0, err: '' })
    expect(done.out).toMatch(/^RailUpdated +created$/m)
    expect(vendor.registered.map(({ options }) => [options.uri, options.authenticationOptions.password])).toEqual([
      [`${base}/arix/the-path-token/LoanStatusUpdated`, secrets.ARIX_PASSWORD],
      [`${base}/arix/the-path-token/RailUpdated`, secrets.ARIX_PASSWORD],
    ])

    const changes = vendor.changes().length
    const again = await run('register arix --yes')
    expect(again).toMatchObject({ code: 0, err: 'There is nothing to change.\n' })
    expect(vendor.changes()).toHaveLength(changes)
  })

  test('puts right what is wrong; what is extra stays until it is asked for', async () => {
    vendor.add('RailUpdated', `${base}/arix/an-old-token/RailUpdated`, { suspended: true })
    vendor.add('LoanNoteAdded', `${base}/arix/the-path-token/LoanNoteAdded`)
    const first = await run('register arix --yes')
    expect(first.code).toBe(0)
    expect(first.out).toMatch(/^RailUpdated .*wrong URL, suspended, other credentials +update .*\(another token\)$/m)
    expect(first.out).toMatch(/^LoanNoteAdded +left as it is$/m)
    expect(first.out).not.toContain('an-old-token')
    const second = await run('register arix --yes --remove-extra')
    expect(second.out).toMatch(/^LoanNoteAdded +removed$/m)
    expect(vendor.registered.map(({ hookName, suspended }) => [hookName, suspended])).toEqual([
      ['RailUpdated', false],
      ['LoanStatusUpdated', false],
    ])
  })

  test('tells what failed midway, with 2', async () => {
    vendor.trouble(({ body }) => (body?.hookName === 'RailUpdated' ? { status: 500, body } : undefined))
    const { code, out, err } = await run('register arix --yes')
    expect([code, err]).toEqual([2, '1 of 2 changes failed. Run the same again: it does what is left.\n'])
    expect(out).toMatch(/^LoanStatusUpdated +created$/m)
    expect(out).toMatch(/^RailUpdated +failed: POST \S+: the vendor answered 500$/m)
  })

  test('as lines of JSON', async () => {
    const { out } = await run('register arix --yes --json')
    expect(
      out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toMatchObject([
      {
        name: 'LoanStatusUpdated',
        state: 'missing',
        action: 'create',
        done: true,
        wanted: { credentials: 'Basic arix' },
      },
      { name: 'RailUpdated', known: null, done: true, wanted: { url: `${base}/arix/***/RailUpdated` } },
    ])
  })

  test('refuses a public URL that the vendor cannot reach, unless it is told to', async () => {
    const env = { PUBLIC_URL: 'http://127.0.0.1:8080' }
    const { code, err } = await run('register arix --yes', env)
    expect([code, err]).toEqual([1, expect.stringMatching(/^Nothing is registered: publicUrl is \S+/)])
    expect(vendor.requests).toEqual([])
    expect(await run('register arix --dry-run', env)).toMatchObject({
      code: 0,
      out: expect.stringContaining('LoanStatusUpdated'),
      err: expect.stringMatching(/^Mind that publicUrl is \S+ which no vendor can reach\.\n/),
    })
  })

  test('names what must be put right, and ends with a code for it', async () => {
    const refused = [
      ['nobody', {}, 3, 'There is no such source; there are: arix, silent'],
      ['arix', { ARIX_PASSWORD: '' }, 1, 'sources.arix.check: the secret ARIX_PASSWORD is not set'],
      ['arix', { ARIX_API_TOKEN: '' }, 1, 'sources.arix.api: the secret ARIX_API_TOKEN is not set'],
      ['arix', { ARIX_API_TOKEN: 'another-token' }, 5, 'the vendor answered 401: denied'],
    ] as const
    const ran = await Promise.all(refused.map(([name, env]) => run(`register ${name} --yes`, env)))
    expect(ran).toMatchObject(
      refused.map(([, , code, text]) => ({ code, err: expect.stringContaining(text), out: '' })),
    )
    expect(vendor.changes()).toEqual([])
  })

  test('says all that is missing at once, and what to do by hand', async () => {
    const env = { PUBLIC_URL: 'http://127.0.0.1:8080' }
    const [arix, embarc, json] = await Promise.all([
      run('register bare', env),
      run('register embarc'),
      run('register receeve --dry-run --json'),
    ])
    expect(arix).toMatchObject({ code: 1, out: expect.stringContaining('UNSET_PASSWORD: not set yet') })
    expect(arix.out).toMatch(/^1\. One registration an event/m)
    expect(arix.err).toContain("sources.bare.api is not set. The vendor's API is called by it: api: { baseUrl: ")
    expect(arix.err).toContain('which no vendor can reach')
    expect(embarc.err).toContain("auth: { kind: 'basic'")
    expect(JSON.parse(json.out)).toMatchObject({
      source: 'receeve',
      url: `${base}/receeve`,
      keys: ['RECEEVE_PUBLIC_KEY'],
    })
  })

  test('ends with 4 where the vendor does not answer', async () => {
    vendor.trouble(() => 'hang up')
    expect(await run('register arix --yes')).toMatchObject({ code: 4 })
  })

  test('prints what to enter where, for vendors without an API to call', async () => {
    const [hidden, shown, receeve] = await Promise.all(
      ['ballerine', 'ballerine --show-secrets', 'receeve'].map(args => run(`register ${args}`)) as [
        Promise<Ran>,
        Promise<Ran>,
        Promise<Ran>,
      ],
    )
    expect(hidden.code).toBe(0)
    expect(hidden.out).toContain('"subscriptions": [')
    expect(hidden.out).toContain(`--data '{"subscriptions":[{"type":"webhook","url":"${base}/ballerine"`)
    expect(hidden.out).toContain('BALLERINE_SECRET: ***')
    expect(shown.out).toContain('BALLERINE_SECRET: the-shared-secret')
    expect(receeve).toMatchObject({ code: 0, out: expect.stringContaining(`2. URL: ${base}/receeve`) })
    expect(receeve.out).toContain("The vendor's public key is set here as RECEEVE_PUBLIC_KEY.")
  })
})

describe('postern registrations', () => {
  test('says what is missing, extra, suspended, wrong or right, and ends with 2 until all is right', async () => {
    vendor.add('RailUpdated', `${base}/arix/the-path-token/RailUpdated`, { suspended: true })
    vendor.add('LoanNoteAdded', `${base}/arix/the-path-token/LoanNoteAdded`)
    vendor.add('ComplianceLoanFailed', 'https://other.example/a-secret-path')
    const { code, out } = await run('registrations arix')
    expect(code).toBe(2)
    const states = {
      LoanStatusUpdated: 'missing',
      RailUpdated: 'suspended',
      LoanNoteAdded: 'extra',
      ComplianceLoanFailed: 'elsewhere',
    }
    for (const [name, state] of Object.entries(states)) expect(out).toMatch(new RegExp(`^${name} .*${state}`, 'm'))
    expect(out).not.toContain('a-secret-path')
    expect(vendor.changes()).toEqual([])

    await run('register arix --yes')
    const after = await run('registrations arix --json')
    expect(after.code).toBe(0)
    const lines = after.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(({ state }) => state)).toEqual(['ok', 'ok', 'extra', 'elsewhere'])
    expect(lines[0]).toMatchObject({ known: { url: `${base}/arix/***/LoanStatusUpdated`, credentials: 'Basic arix' } })
    const shown = await run('registrations arix --json --show-secrets')
    expect(shown.out).toContain('the-path-token')
    expect(shown.out).not.toContain(secrets.ARIX_PASSWORD)
  })

  test('of a vendor without an API says so', async () => {
    expect(await run('registrations receeve')).toMatchObject({
      code: 1,
      err: expect.stringContaining('postern register receeve'),
    })
  })
})
