// Arix's registrations: one for each event, with its own URL, at /hooks/v2/registrations. Facts from the vendor's page;
// it prints neither the list's shape nor how credentials come back in it (hashed, says the page), so both are read with
// care and a password is never compared.
import type { SourceOptions } from '../../src/adapter.ts'
import { type Secret, secretUses, secretValues } from '../../src/config/secret.ts'
import type { Json } from '../../src/json/parse.ts'
import { isObject } from '../../src/json/read.ts'
import type { ApiRequest, Registration, RegistrationContext, Registrations } from '../../src/registration.ts'
import { eventNamed } from './events.ts'
import { fieldsOf } from './fields.ts'
import { sampleTypes } from './sample.ts'

export interface ArixRegistration {
  /** The events to register. Default all that the vendor documents. */
  events?: readonly string[] | undefined
  /** Under OIDC: the secret of the client as which Arix asks your authority for a token. */
  clientSecret?: string | Secret | undefined
}

export interface RegistrationOptions extends SourceOptions {
  partner: string
  eventHeader?: string | undefined
  registration?: ArixRegistration | undefined
}

type Context = RegistrationContext<RegistrationOptions>

const method = 'POST'
const path = '/hooks/v2/registrations'

export const registrations: Registrations<RegistrationOptions> = {
  apiExample:
    "{ baseUrl: 'https://lendingsandbox.crbcos.com', auth: { kind: 'oauth', tokenUrl: '…', clientId: '…', clientSecret: secret('ARIX_API_SECRET') } }",
  secrets: ({ registration }) => secretUses(registration?.clientSecret ?? [], 'foreign'),
  readings: () => [{ method: 'GET', path }],
  read([answer], { options }) {
    const list = listOf(answer)
    if (list === undefined) return { problem: 'its answer holds no list of registrations' }
    return list.filter(isObject).flatMap(each => registrationOf(each, options.partner) ?? [])
  },
  wanted(context) {
    const authentication = authenticationOf(context)
    if ('problem' in authentication) return authentication
    return {
      notes: [],
      registrations: (context.options.registration?.events ?? sampleTypes).map(name => ({
        name,
        url: `${context.url}/${name}`,
        events: [canonical(name)],
        credentials: authentication.shown,
        settings: method,
      })),
    }
  },
  isFor: (known, { name }) => sameEvent(known.name, name),
  put(wanted, known, all, context) {
    const authentication = authenticationOf(context)
    if ('problem' in authentication) throw new Error(authentication.problem)
    const { partner, eventHeader } = context.options
    // Without an id the vendor would change whichever registration of the event there is, an e-mail's too.
    const id = known?.id ?? (all.some(each => sameEvent(each.name, wanted.name)) ? context.uuid() : null)
    const body = {
      id,
      applicationName: 'Cos.Lending',
      hookName: known?.name ?? wanted.name,
      hookCorrelationId: partner,
      options: {
        hookType: 'Web',
        httpMethod: method,
        uri: wanted.url,
        headers: { ...(eventHeader === undefined ? {} : { [eventHeader]: [wanted.name] }), ...authentication.headers },
        // To be sent again with every change: the vendor keeps none.
        authenticationOptions: authentication.options,
      },
      suspended: false,
    }
    return [[{ method, path, body }]]
  },
  remove: ({ id }): ApiRequest => ({ method: 'DELETE', path: `${path}?id=${encodeURIComponent(id)}` }),
  refusal(answer) {
    if (!isObject(answer)) return undefined
    const fields = fieldsOf(answer)
    if (fields.boolean('isSuccessful') !== false) return undefined
    return fields.text('message') ?? fields.text('errorMessage') ?? 'it says isSuccessful: false'
  },
}

interface Authentication {
  /** Without a secret: for people, and for comparing. */
  shown: string
  options: object
  headers: Readonly<Record<string, readonly string[]>>
}

/** What the vendor is to present, from the source's own check. */
function authenticationOf({
  credentials,
  options: { source, registration },
}: Context): Authentication | { problem: string } {
  const at = `sources.${source}`
  if (credentials === undefined) {
    return {
      problem: `${at}.check: Arix can present Basic, OIDC or a fixed header, and this check wants something else`,
    }
  }
  const headers: Record<string, readonly string[]> = {}
  const shown: string[] = []
  let options: object = { authenticationType: 'None' }
  for (const each of credentials) {
    switch (each.kind) {
      case 'header':
        headers[each.name] = [each.value]
        break
      case 'basic':
        options = { authenticationType: 'Basic', username: each.username, password: each.password }
        shown.push(`Basic ${each.username}`)
        break
      case 'oidc': {
        const [clientSecret] = secretValues(registration?.clientSecret ?? '')
        if (each.clientId === undefined) return { problem: `${at}.check: to register OIDC it must name a clientId` }
        if (clientSecret === undefined) {
          return { problem: `${at}.registration.clientSecret: it is not set, and Arix is to ask for tokens with it` }
        }
        options = {
          authenticationType: 'OIDC',
          authorityUrl: each.issuer,
          clientId: each.clientId,
          clientSecret,
          scope: each.scope ?? '',
        }
        shown.push(`OIDC ${each.clientId}`)
      }
    }
  }
  return { shown: shown.join(', ') || 'None', options, headers }
}

/** Its own partner's only; undefined for what has neither id nor name. */
function registrationOf(object: { [key: string]: Json }, partner: string): Registration | undefined {
  const fields = fieldsOf(object)
  const [id, name] = [fields.text('id'), fields.text('hookName')]
  const owner = fields.text('hookCorrelationId')
  if (id === undefined || name === undefined) return undefined
  if (owner !== undefined && owner.toLowerCase() !== partner.toLowerCase()) return undefined
  const given = fields.value('options')
  const options = fieldsOf(isObject(given) ? given : {})
  const type = options.text('hookType')
  return {
    id,
    name,
    url: options.text('uri') ?? '',
    events: [canonical(name)],
    suspended: fields.boolean('suspended') ?? false,
    credentials: shownAuthentication(options.value('authenticationOptions')),
    settings: options.text('httpMethod')?.toUpperCase(),
    isWebhook: type === undefined || type.toLowerCase() === 'web',
  }
}

function shownAuthentication(value: Json | undefined): string | undefined {
  if (!isObject(value)) return undefined
  const fields = fieldsOf(value)
  switch (fields.text('authenticationType')?.toLowerCase()) {
    case 'none':
      return 'None'
    case 'basic':
      return fields.text('username') === undefined ? undefined : `Basic ${fields.text('username')}`
    case 'oidc':
      return fields.text('clientId') === undefined ? undefined : `OIDC ${fields.text('clientId')}`
    default:
      return undefined
  }
}

/** The list itself, or where the vendor's wrapper has it. */
function listOf(answer: Json | undefined): Json[] | undefined {
  if (Array.isArray(answer)) return answer
  if (!isObject(answer)) return undefined
  for (const name of ['result', 'results', 'registrations', 'items', 'data']) {
    const inner = listOf(fieldsOf(answer).value(name))
    if (inner !== undefined) return inner
  }
  return undefined
}

/** Some events have two spellings. */
function sameEvent(a: string, b: string): boolean {
  return canonical(a).toLowerCase() === canonical(b).toLowerCase()
}

function canonical(name: string): string {
  return eventNamed(name)?.canonical ?? name
}
