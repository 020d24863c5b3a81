// Embarc's hooks: one for a source, with all its events. The vendor's page shows `config` as a list of fields; Apache
// Fineract, from which it derives, takes a hash and calls every webhook "Web". Facts on changing hooks from its source.
import type { SourceOptions } from '../../src/adapter.ts'
import type { Json } from '../../src/json/parse.ts'
import { arrayAt, booleanAt, idAt, isObject, textAt } from '../../src/json/read.ts'
import type { ApiRequest, Registration, RegistrationContext, Registrations } from '../../src/registration.ts'
import { knownActions } from './actions.ts'

export interface EmbarcRegistration {
  /** The name that the hook gets. Default `Postern <the source's name>`. */
  name?: string | undefined
  /** Events such as `LOAN.APPROVE`. Default those on loans and clients. */
  events?: readonly string[] | undefined
  /** How the API takes `config`: as its page says, or as stock Fineract does. Default: the first, then the second. */
  form?: 'array' | 'hash' | undefined
}

export interface RegistrationOptions extends SourceOptions {
  tenant?: string | undefined
  registration?: EmbarcRegistration | undefined
}

type Context = RegistrationContext<RegistrationOptions>

const contentType = 'json'

export const registrations: Registrations<RegistrationOptions> = {
  apiExample:
    "{ baseUrl: 'https://core.example.com/fineract-provider/api/v1', auth: { kind: 'basic', username: 'postern', password: secret('EMBARC_API_PASSWORD') } }",
  readings: context => [
    request('GET', '/hooks', context),
    { ...request('GET', '/hooks/template', context), optional: true },
  ],
  read([answer]) {
    const list = Array.isArray(answer) ? answer : arrayAt(answer, 'pageItems')
    return list === undefined ? { problem: 'its answer is no list of hooks' } : list.flatMap(each => hookOf(each) ?? [])
  },
  wanted(context, [, template]) {
    const { options, url, credentials } = context
    const offered = offeredBy(template)
    const given = options.registration?.events?.map(name => name.toUpperCase())
    const events = given ?? knownActions.filter(name => offered.size === 0 || offered.has(name))
    const strange = offered.size === 0 ? [] : events.filter(name => !offered.has(name))
    return {
      notes: [
        ...strange.map(name => `${name} is none of the events that GET /hooks/template lists.`),
        ...(credentials?.length === 0
          ? []
          : [`What sources.${options.source}.check wants beside the URL cannot be set by this API: enter it by hand.`]),
      ],
      registrations: [
        {
          name: options.registration?.name ?? `Postern ${options.source}`,
          // Fineract refuses a URL without the slash.
          url: `${url}/`,
          events,
          credentials: 'by URL',
          settings: contentType,
        },
      ],
    }
  },
  isFor: (known, wanted, leadsHere) => leadsHere || known.name === wanted.name,
  put(wanted, known, _all, context) {
    const ways = formsOf(context).map((form): readonly ApiRequest[] => {
      const body = hookBody(wanted, form)
      if (known === undefined) return [request('POST', '/hooks', context, body)]
      // Fineract takes isActive in a change, says so, and does not store it (FINERACT-2974): a new one takes its place.
      return known.suspended
        ? [request('POST', '/hooks', context, body), removal(known, context)]
        : [request('PUT', `/hooks/${encodeURIComponent(known.id)}`, context, body)]
    })
    return ways as [readonly ApiRequest[], ...(readonly ApiRequest[])[]]
  },
  remove: removal,
}

function removal({ id }: Registration, context: Context): ApiRequest {
  return request('DELETE', `/hooks/${encodeURIComponent(id)}`, context)
}

function request(method: ApiRequest['method'], path: string, { options }: Context, body?: object): ApiRequest {
  const headers = { 'Fineract-Platform-TenantId': options.tenant ?? 'default' }
  return { method, path, headers, ...(body === undefined ? {} : { body }) }
}

function formsOf({ options: { registration } }: Context): readonly ('array' | 'hash')[] {
  return registration?.form === undefined ? ['array', 'hash'] : [registration.form]
}

function hookBody(
  { name, url, events }: { name: string; url: string; events: readonly string[] },
  form: 'array' | 'hash',
) {
  const config = { 'Payload URL': url, 'Content Type': contentType }
  return {
    // Stock Fineract's name is that of a template.
    name: form === 'hash' ? 'Web' : name,
    displayName: name,
    isActive: true,
    events: events.map(event => {
      const [entityName, actionName] = event.split('.')
      return { entityName, actionName }
    }),
    config:
      form === 'hash' ? config : Object.entries(config).map(([fieldName, fieldValue]) => ({ fieldName, fieldValue })),
  }
}

function hookOf(hook: Json): Registration | undefined {
  const [id, name] = [idAt(hook, 'id'), textAt(hook, 'displayName') ?? textAt(hook, 'name')]
  if (id === undefined || name === undefined) return undefined
  const url = configured(hook, 'Payload URL')
  return {
    id,
    name,
    url: url ?? '',
    events: (arrayAt(hook, 'events') ?? []).map(each =>
      `${textAt(each, 'entityName') ?? ''}.${textAt(each, 'actionName') ?? ''}`.toUpperCase(),
    ),
    suspended: booleanAt(hook, 'isActive') === false,
    credentials: undefined,
    settings: configured(hook, 'Content Type')?.toLowerCase(),
    isWebhook: url !== undefined,
  }
}

/** A field of `config`, in either form. */
function configured(hook: Json, field: string): string | undefined {
  const is = (name: string | undefined) => name?.toLowerCase() === field.toLowerCase()
  const fields = arrayAt(hook, 'config')
  if (fields !== undefined)
    return textAt(
      fields.find(each => is(textAt(each, 'fieldName'))),
      'fieldValue',
    )
  const config = isObject(hook) && isObject(hook.config) ? hook.config : {}
  return textAt(config, Object.keys(config).find(is) ?? field)
}

/** Entities and actions of the template; empty where it says nothing. */
function offeredBy(template: Json | undefined): ReadonlySet<string> {
  const entities = (arrayAt(template, 'groupings') ?? []).flatMap(each => arrayAt(each, 'entities') ?? [])
  return new Set(
    entities.flatMap(entity =>
      (arrayAt(entity, 'actions') ?? [])
        .filter(action => typeof action === 'string')
        .map(action => `${textAt(entity, 'name')?.trim() ?? ''}.${action}`.toUpperCase()),
    ),
  )
}
