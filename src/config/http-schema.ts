// What an HTTP destination's options may be. The configuration file may name secrets, files and a proxy; who uses the
// API may not have the gateway read its files or call through its proxies.
import { z } from 'zod'
import { assertSigningSecret } from '../delivery/signature.ts'
import { Secret } from './secret.ts'
import { list, oneOf, shown, whole } from './subscription-schema.ts'

const urlLengthMax = 2_048
const headersMax = 50
const headerLengthMax = 8_192

/** A text that nobody is shown: not even in a message. */
const hidden = z.string({ error: 'expected a text that is not empty' }).min(1, 'expected a text that is not empty')
const hiddenOrSecret = z.union([hidden, z.instanceof(Secret)], {
  error: "expected a text that is not empty, or secret('NAME')",
})

/** http or https, and nothing in it that belongs elsewhere; a problem never repeats it, it may hold a password. */
export function urlProblem(text: string, { credentials = false } = {}): string | undefined {
  if (text.length > urlLengthMax) return `expected at most ${urlLengthMax} characters`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return 'expected an http or https URL'
  if (!credentials && (url.username !== '' || url.password !== '')) {
    return "credentials are not taken from a URL: say auth: { kind: 'basic', username, password }"
  }
  if (text.includes('#')) return 'expected a URL without a fragment: it is never sent'
  return undefined
}

/** A text with a check that gives its problem, or undefined. */
function checked(problem: (text: string) => string | undefined) {
  return (text: unknown, context: z.RefinementCtx) => {
    const message = typeof text === 'string' ? problem(text) : undefined
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  }
}

const url = z.string({ error: 'expected an http or https URL' }).superRefine(checked(text => urlProblem(text)))
const urlOrSecret = z
  .union([z.string(), z.instanceof(Secret)], { error: 'expected an http or https URL' })
  .superRefine(checked(text => urlProblem(text)))
const proxyUrl = z
  .union([z.string(), z.instanceof(Secret)], { error: "expected a proxy's http or https URL" })
  .superRefine(checked(text => urlProblem(text, { credentials: true })))

export function signingSecretProblem(text: string): string | undefined {
  try {
    assertSigningSecret('', text)
    return undefined
  } catch (error) {
    return (error as Error).message.replace(/^: /, '')
  }
}

const secretsMax = 10

/** One or several; always several from here on. */
function signingSecrets<Text extends string | Secret>(isOne: (given: unknown) => given is Text, expected: string) {
  return z.unknown().transform((given, context): Text[] => {
    const list: unknown[] = Array.isArray(given) ? given : [given]
    const say = (message: string, path: PropertyKey[] = []) =>
      context.issues.push({ code: 'custom', message, path, input: undefined })
    if (list.length === 0) say('expected at least one secret; leave it out for none')
    if (list.length > secretsMax) say(`expected at most ${secretsMax} secrets`)
    list.forEach((each, index) => {
      const message = !isOne(each) ? expected : typeof each === 'string' ? signingSecretProblem(each) : undefined
      if (message !== undefined) say(message, Array.isArray(given) ? [index] : [])
    })
    return list as Text[]
  })
}

const isText = (given: unknown) => typeof given === 'string'
const isTextOrSecret = (given: unknown) => isText(given) || given instanceof Secret

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
/** What the request itself decides, and what says who signed what. */
const reserved =
  /^(host|connection|content-length|content-type|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|traceparent|tracestate|webhook-.*|postern-.*)$/i

/** A header's value: visible ASCII, blanks within it, nothing that could end a line. */
export const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

const headers = <Value extends z.ZodType>(value: Value) =>
  z
    .record(z.string(), value, { error: "expected an object of texts such as { 'x-tenant': 'eu' }" })
    .superRefine((given, context) => {
      const names = Object.keys(given)
      const say = (message: string, path: PropertyKey[] = []) => context.addIssue({ code: 'custom', message, path })
      if (names.length > headersMax) say(`expected at most ${headersMax} headers`)
      const seen = new Set<string>()
      for (const name of names) {
        const value = given[name] as unknown
        if (!token.test(name)) say("expected a header's name", [name])
        else if (reserved.test(name)) say('this header is set by Postern itself', [name])
        else if (seen.has(name.toLowerCase())) say('expected it once, in whichever case', [name])
        else if (typeof value === 'string' && headerProblem(value) !== undefined) say(headerProblem(value)!, [name])
        seen.add(name.toLowerCase())
      }
    })

export function headerProblem(value: string): string | undefined {
  if (value.length > headerLengthMax) return `expected at most ${headerLengthMax} characters`
  return headerValue.test(value) ? undefined : 'expected a value without line ends and control characters'
}

export function bearerProblem(value: string): string | undefined {
  return headerProblem(value) === undefined ? undefined : 'expected a token without line ends and control characters'
}

const plain = (what: string, max = 1_000) =>
  z
    .string({ error: `expected ${what}` })
    .min(1, `expected ${what}`)
    .max(max, `expected at most ${max} characters`)

const username = plain('a user name').refine(name => !/[:\x00-\x1f\x7f]/.test(name), {
  error: 'expected a user name without colons and control characters',
})
const scope = plain('a scope').regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected a scope without blanks and quotes')

const auth = <Text extends z.ZodType>(text: Text) =>
  z.discriminatedUnion(
    'kind',
    [
      z.strictObject({ kind: z.literal('basic'), username, password: text }),
      z.strictObject({ kind: z.literal('bearer'), token: text.superRefine(checked(bearerProblem)) }),
      z.strictObject({
        kind: z.literal('oauth'),
        tokenUrl: url,
        clientId: plain('a client id'),
        clientSecret: text,
        scopes: list(scope, { of: 'scopes', max: 50 }).optional(),
        audience: plain('an audience').optional(),
      }),
    ],
    { error: "expected an object of kind 'basic', 'bearer' or 'oauth'" },
  )

const deadOn = list(
  whole(300, 599).refine(status => status !== 410, { error: '410 pauses the subscription already' }),
  { of: 'statuses', max: 100 },
)

const timeouts = {
  connectTimeoutMs: whole(1, 600_000).optional(),
  headersTimeoutMs: whole(1, 600_000).optional(),
  bodyTimeoutMs: whole(1, 600_000).optional(),
}

export const isPem = (text: string) => text.includes('-----BEGIN ')
const pemText = z.string({ error: 'expected PEM text' }).refine(isPem, {
  error: 'expected PEM text: only the configuration file may name a file',
})
const pem = z.union([z.string().min(1), z.instanceof(Secret)], {
  error: 'expected PEM text, or the path of a file that holds it',
})

const tls = <Text extends z.ZodType>(text: Text) =>
  z
    .strictObject(
      { cert: text.optional(), key: text.optional(), ca: text.optional() },
      { error: issue => (issue.code === 'unrecognized_keys' ? undefined : 'expected { cert, key, ca }') },
    )
    .superRefine((given, context) => {
      const [alone, other] = given.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
      if (
        ((given as Record<string, unknown>)[alone] === undefined) !==
        ((given as Record<string, unknown>)[other] === undefined)
      ) {
        context.addIssue({ code: 'custom', message: `expected \`${other}\` beside \`${alone}\``, path: [other] })
      }
    })

/** `http({…})`, `slack({…})`, `teams({…})` in the configuration file. */
export const httpInConfig = z.strictObject({
  kind: z.literal('http'),
  url: urlOrSecret,
  format: oneOf(['cloudevent', 'original', 'slack', 'teams']).optional(),
  secret: signingSecrets(isTextOrSecret, "expected a signing secret, `whsec_…` or secret('NAME')").optional(),
  headers: headers(hiddenOrSecret).optional(),
  auth: auth(hiddenOrSecret).optional(),
  tls: tls(pem).optional(),
  proxy: proxyUrl.optional(),
  deadOn: deadOn.optional(),
  ...timeouts,
})

/** The same over the API: every secret as text, no file, no proxy. */
export const httpInApi = z.strictObject({
  kind: z
    .literal('http', {
      error: ({ input }) =>
        input === 'handler'
          ? 'a handler is a function, which only the configuration file can give'
          : `expected 'http', got ${shown(input)}`,
    })
    .optional(),
  url,
  format: oneOf(['cloudevent', 'original', 'slack', 'teams']).optional(),
  secret: signingSecrets(isText, 'expected a signing secret, `whsec_…`').optional(),
  headers: headers(hidden).optional(),
  auth: auth(hidden).optional(),
  tls: tls(pemText).optional(),
  proxy: z.undefined({ error: 'only the configuration file may name a proxy' }).optional(),
  deadOn: deadOn.optional(),
  ...timeouts,
})
