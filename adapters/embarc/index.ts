// Embarc, a derivative of Apache Fineract: a hook fires for every command, good or bad, and no event has an id.
// What the vendor's page leaves open is filled in from Fineract's source; see docs/vendors/embarc.md.
import { z } from 'zod'
import type {
  Adapter,
  Draft,
  NormaliseOptions,
  SourceDefinition,
  SourceOptions,
  Unverified,
} from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { compact, compactOrNothing } from '../../src/compact.ts'
import type { Actor, EventData, Refs } from '../../src/event.ts'
import { idAt, textAt } from '../../src/json/read.ts'
import { snakeCase, typeName } from '../../src/names.ts'
import { rfc3339 } from '../../src/time.ts'
import { type Action, actionOf } from './actions.ts'
import { requestAmount } from './amount.ts'
import { type Command, readCommand } from './command.ts'
import { outcomeOf } from './outcome.ts'
import { type EmbarcRegistration, registrations } from './registrations.ts'
import { sampleBody, sampleTypes } from './sample.ts'
import { statusAfter } from './status.ts'

export interface EmbarcOptions extends SourceOptions {
  check: Check<'embarc'> | Unverified
  /** The tenant of a source that serves one. Events that a header gives to another get a namespace of their own. */
  tenant?: string | undefined
  /** For `postern register`: the hook's name and events, and how this API takes `config`. */
  registration?: EmbarcRegistration | undefined
}

type Options = Omit<EmbarcOptions, 'check'>

/** A source that Embarc's hooks post to. */
export function embarc({ check, ...options }: EmbarcOptions): SourceDefinition {
  return { adapter, check, options }
}

const adapter: Adapter<Options> = {
  vendor: 'embarc',
  options: z.object({
    tenant: z.string().min(1).optional(),
    registration: z
      .strictObject({
        name: z.string().min(1).max(100).optional(),
        events: z
          .array(z.string().regex(/^\w+\.\w+$/, 'expected an event such as LOAN.APPROVE'))
          .min(1)
          .optional(),
        form: z.enum(['array', 'hash']).optional(),
      })
      .optional(),
  }),
  normalise(request, options) {
    const command = readCommand(request)
    if ('notUnderstood' in command) return command
    const tenant = command.tenant ?? options.tenant
    const vendortime = textAt(command.body, 'timestamp')
    return {
      drafts: [
        {
          ...meaning(command, tenant, options),
          vendortype: `${command.entity}.${command.action}`,
          vendortime,
          time: rfc3339(vendortime, options.timezone),
          environment: options.environment,
          tenant: isOther(command.tenant, options.tenant) ? command.tenant : undefined,
          // The page's "entity id + timestamp" would merge two actions on one loan in the same second.
          dedupe: [tenant ?? '-', command.entity, command.action, request.sha256],
        },
      ],
    }
  },
  sampleTypes,
  sample: (type, { now, uuid }) => ({
    method: 'POST',
    rest: '',
    query: '',
    headers: {
      'X-Fineract-Entity': type.split('.')[0] ?? '',
      'X-Fineract-Action': type.split('.')[1] ?? '',
      'Fineract-Platform-TenantId': 'default',
      'Content-Type': 'application/json; charset=UTF-8',
    },
    body: JSON.stringify(sampleBody(type, new Date(now).toISOString(), uuid)),
  }),
  setup: url => [
    'GET /hooks/template lists the entities and actions there are.',
    'POST /api/v1/hooks with a name (of stock Fineract "Web"), isActive true, the events, and in config:',
    // Fineract refuses a URL without it, and drops a query.
    `  Payload URL: ${url.replace(/\/*$/, '/')}`,
    '  Content Type: json',
    'Creating the hook sends a GET to the URL, which is answered 200 and stored nowhere.',
  ],
  registrations,
}

/** Fineract calls its only tenant `default` where nobody named it: that is no tenant to keep apart. */
function isOther(tenant: string | undefined, own: string | undefined): boolean {
  return tenant !== undefined && tenant !== own && tenant !== 'default'
}

/** The type, subject and data. A command that did not succeed never gets the type of one that did. */
function meaning(
  command: Command,
  tenant: string | undefined,
  options: NormaliseOptions,
): Pick<Draft, 'type' | 'subject' | 'data'> {
  const { entity, action: name, request, response } = command
  const action = actionOf(entity, name)
  const refs = refsOf(command, action)
  const subject =
    refs.loan !== undefined ? `loan/${refs.loan}` : refs.client !== undefined ? `client/${refs.client}` : undefined
  const common: EventData = compact({
    refs,
    actor: actorOf(command),
    tenant,
    flags: command.headersDisagree ? ['headers_disagree'] : undefined,
  })
  const { outcome, error } = outcomeOf(command)
  if (outcome !== 'succeeded') {
    const type = outcome === 'failed' ? 'command.failed' : 'command.unconfirmed'
    return { type, subject, data: compact({ ...common, outcome, entity, action: name, error }) }
  }
  const data = compact({
    ...common,
    name: entity.toUpperCase() === 'CLIENT' ? clientName(command) : undefined,
    status: statusAfter(response, name, action?.status, entity.toUpperCase()),
    amount: action?.amount === undefined ? undefined : requestAmount(request, action.amount, options.currency),
  })
  return { type: action?.type ?? typeName('embarc', `${entity}.${name}`), subject, data }
}

function refsOf({ entity, body, request, response }: Command, action: Action | undefined): Refs {
  const resource = idAt(response, 'resourceId')
  const of = (kind: Action['resource']) => (action?.resource === kind ? resource : undefined)
  const kind = snakeCase(entity)
  return compact({
    // What an unlisted action's resourceId is, nobody knows; of other entities it is the entity.
    ...(kind === 'loan' || kind === 'client' || kind === '' ? {} : { [kind]: resource }),
    loan: idAt(body, 'loanId') ?? idAt(response, 'loanId') ?? of('loan'),
    client: idAt(body, 'clientId') ?? idAt(response, 'clientId') ?? of('client'),
    group: idAt(body, 'groupId') ?? idAt(response, 'groupId'),
    savings: idAt(body, 'savingsId') ?? idAt(response, 'savingsId'),
    payment: of('payment'),
    office: idAt(body, 'officeId') ?? idAt(response, 'officeId') ?? idAt(request, 'officeId'),
    external: idAt(request, 'externalId'),
  })
}

function actorOf({ body }: Command): Actor | undefined {
  const who = compactOrNothing({
    id: idAt(body, 'createdBy'),
    name: textAt(body, 'createdByFullName') ?? textAt(body, 'createdByName'),
  })
  return who === undefined ? undefined : { kind: 'user', ...who }
}

/** A whole name only: an update may carry one part of it. */
function clientName({ request }: Command): string | undefined {
  const [first, last] = [textAt(request, 'firstname'), textAt(request, 'lastname')]
  const whole = first === undefined || last === undefined ? undefined : [first, textAt(request, 'middlename'), last]
  return textAt(request, 'fullname') ?? whole?.filter(part => part !== undefined).join(' ')
}
