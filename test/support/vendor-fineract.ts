// A server that keeps hooks as Apache Fineract's source does (`stock`), or as Embarc's page says. Stock Fineract takes
// `config` as a hash and nothing else, knows hooks by their template, refuses a URL without a slash at its end, and does
// not store what a change says of isActive.
import { startVendor, type VendorServer } from './vendor-server.ts'

export interface Hook {
  id: number
  name: string
  displayName: string
  isActive: boolean
  events: { entityName: string; actionName: string }[]
  config: { fieldName: string; fieldValue: string }[]
}

export interface FineractServer extends VendorServer {
  hooks: Hook[]
  add(displayName: string, url: string, more?: Partial<Hook>): Hook
}

type Config = Record<string, string> | Hook['config']

/** `takes` says whether credentials are good. */
export async function startFineract(
  kind: 'stock' | 'documented',
  takes: (authorization: string) => boolean,
): Promise<FineractServer> {
  const hooks: Hook[] = []
  let last = 0
  const wrong = (message: string) => ({ status: 400, body: { defaultUserMessage: message, errors: [] } })
  const configOf = (config: Config): Hook['config'] | undefined => {
    if (Array.isArray(config) !== (kind === 'documented')) return undefined
    if (Array.isArray(config)) return config
    return Object.entries(config).map(([fieldName, fieldValue]) => ({ fieldName, fieldValue }))
  }
  const server = await startVendor(({ method, path, headers, body }) => {
    if (kind === 'stock' && headers['fineract-platform-tenantid'] !== 'default') return { status: 400 }
    const [, id] = /^\/fineract-provider\/api\/v1\/hooks(?:\/(\w+))?$/.exec(path) ?? [undefined, 'nothing']
    if (method === 'GET' && id === undefined) return { status: 200, body: hooks }
    if (method === 'GET' && id === 'template') return { status: 200, body: template }
    const at = hooks.findIndex(each => String(each.id) === id)
    if (id !== undefined && at < 0) return { status: 404, body: { defaultUserMessage: `Hook ${id} does not exist` } }
    if (method === 'DELETE') {
      hooks.splice(at, 1)
      return { status: 200, body: { resourceId: Number(id) } }
    }
    const config = configOf(body.config)
    // Gson meets a list where it wants an object.
    if (config === undefined) return kind === 'stock' ? { status: 500 } : wrong('config must be a list')
    const url = config.find(({ fieldName }) => fieldName === 'Payload URL')?.fieldValue ?? ''
    if (kind === 'stock' && !url.endsWith('/')) return wrong('the URL must end in a slash')
    if (method === 'PUT') {
      const { isActive } = hooks[at]!
      Object.assign(hooks[at]!, { events: body.events, config, displayName: body.displayName, isActive })
      return { status: 200, body: { resourceId: Number(id), changes: body } }
    }
    if (kind === 'stock' && body.name !== 'Web')
      return { status: 404, body: { defaultUserMessage: 'no such template' } }
    hooks.push({ ...body, config, id: ++last })
    return { status: 200, body: { resourceId: last } }
  }, takes)
  return {
    ...server,
    hooks,
    add(displayName, url, more = {}) {
      const config = [
        { fieldName: 'Payload URL', fieldValue: url },
        { fieldName: 'Content Type', fieldValue: 'json' },
      ]
      const hook = { id: ++last, name: 'Web', displayName, isActive: true, events: [], config, ...more }
      hooks.push(hook)
      return hook
    },
  }
}

const template = {
  templates: [{ id: 1, name: 'Web', schema: [{ fieldName: 'Payload URL', fieldType: 'string', optional: false }] }],
  groupings: [
    {
      name: 'portfolio',
      entities: [
        { name: 'CLIENT', actions: ['CREATE', 'ACTIVATE', 'CLOSE'] },
        { name: 'LOAN', actions: ['CREATE', 'APPROVE', 'DISBURSE', 'REPAYMENT'] },
      ],
    },
  ],
}
