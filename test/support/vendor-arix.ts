// A server that registers as Arix's page says: a POST changes the registration of the same MPLId and hookName unless it
// has an id of its own, credentials come back hashed, and one without them is left without.
import { randomUUID } from 'node:crypto'
import { startVendor, type VendorServer } from './vendor-server.ts'

export interface ArixRegistered {
  id: string
  applicationName: string
  hookName: string
  hookCorrelationId: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent.
  options: any
  suspended: boolean
}

export interface ArixServer extends VendorServer {
  registered: ArixRegistered[]
  /** Adds one as somebody else would have. */
  add(hookName: string, uri: string, more?: Partial<ArixRegistered>): ArixRegistered
}

const path = '/hooks/v2/registrations'

/** `takes` says whether credentials are good. */
export async function startArix(takes: (authorization: string) => boolean): Promise<ArixServer> {
  const registered: ArixRegistered[] = []
  const server = await startVendor(({ method, path: asked, body }) => {
    const url = new URL(asked, 'http://vendor')
    if (url.pathname !== path) return { status: 404, body: { message: 'no such thing' } }
    const wrapped = (result: unknown) => ({ version: '2.0', isSuccessful: true, statusCode: 200, result })
    if (method === 'GET') return { status: 200, body: wrapped(registered.map(hashed)) }
    if (method === 'DELETE') {
      const at = registered.findIndex(({ id }) => id === url.searchParams.get('id'))
      if (at < 0) return { status: 404 }
      registered.splice(at, 1)
      return { status: 200 }
    }
    if (!/^[A-Z]{3}$/.test(body.hookCorrelationId) || body.applicationName !== 'Cos.Lending') {
      return { status: 200, body: { version: '2.0', isSuccessful: false, statusCode: 400, message: 'unknown partner' } }
    }
    const same = (each: ArixRegistered) =>
      body.id === null
        ? each.hookName === body.hookName && each.hookCorrelationId === body.hookCorrelationId
        : each.id === body.id
    const found = registered.find(same)
    if (found !== undefined) Object.assign(found, body, { id: found.id })
    else registered.push({ ...body, id: body.id ?? randomUUID() })
    const { id, applicationName, hookName } = registered.find(same)!
    return { status: 200, body: wrapped({ id, applicationName, hookName }) }
  }, takes)
  return {
    ...server,
    registered,
    add(hookName, uri, more = {}) {
      const one: ArixRegistered = {
        id: randomUUID(),
        applicationName: 'Cos.Lending',
        hookName,
        hookCorrelationId: 'TST',
        options: {
          hookType: 'Web',
          httpMethod: 'POST',
          uri,
          headers: {},
          authenticationOptions: { authenticationType: 'None' },
        },
        suspended: false,
        ...more,
      }
      registered.push(one)
      return one
    },
  }
}

function hashed(one: ArixRegistered): ArixRegistered {
  const { authenticationOptions: kept, ...options } = one.options
  const hide = (name: string) => (kept?.[name] === undefined ? {} : { [name]: '$2a$10$hashed' })
  return {
    ...one,
    options: { ...options, authenticationOptions: { ...kept, ...hide('password'), ...hide('clientSecret') } },
  }
}
