// Where calls may go: every address that a name resolves to is checked, and the connection goes to one of those that
// were checked, so that a name which answers otherwise the next time gains nothing.
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import { inNetworks, parseNetwork } from '../checks/ip-allowlist.ts'
import { addressKinds } from './egress-addresses.ts'

export interface ResolvedAddress {
  address: string
  family: number
}

export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

export interface EgressOptions {
  /** Whether private networks and loopback may be called; else only those within `allow`. */
  allowPrivate: boolean
  /** Networks, `10.0.0.0/8`. What is never called (link-local, metadata …) it cannot allow. */
  allow: readonly string[]
  /** Default: the system's. */
  resolve?: Resolve
}

export interface Egress {
  /** Rejects with EgressRefused where the host, a name or an address, is or resolves to what may not be called. */
  check(host: string): Promise<void>
  /** Makes connections for undici, to addresses that were checked and no others. */
  connector(options: buildConnector.BuildOptions): buildConnector.connector
}

/** An address that may not be called. Its text is for the operator, and names nothing but host and address. */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused'
  readonly code = 'EGRESS_REFUSED'
}

/** Throws TypeError for a network that is none. */
export function createEgress({ allowPrivate, allow, resolve = resolveBySystem }: EgressOptions): Egress {
  const networks = allow.map(parseNetwork)
  const resolveShared = sharing(resolve)

  const assertAllowed = (host: string, address: string) => {
    for (const { address: reached, kind } of addressKinds(address)) {
      if (kind.reach === 'public') continue
      const shown = host === address ? address : `${host} resolves to ${address}`
      if (kind.reach === 'forbidden') throw new EgressRefused(`${shown}, which is never called: ${kind.name}`)
      if (allowPrivate || inNetworks(String(reached), networks)) continue
      throw new EgressRefused(`${shown}, which is ${kind.name} and not in egress.allow`)
    }
  }
  /** Only where all of its addresses may be called: a name that points where nothing may go is not to be trusted. */
  const checked = async (host: string): Promise<readonly ResolvedAddress[]> => {
    const addresses = await resolveShared(host)
    for (const { address } of addresses) assertAllowed(host, address)
    return addresses
  }
  const lookup: LookupFunction = (host, options, callback) => {
    checked(host).then(
      addresses => {
        const fitting = addresses.filter(({ family }) => !options.family || family === options.family)
        const [first] = fitting
        if (first === undefined) callback(notFound(host), '')
        else if (options.all) callback(null, [...fitting])
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }
  return {
    async check(host) {
      const literal = unbracketed(host)
      if (isIP(literal) !== 0) assertAllowed(literal, literal)
      else await checked(literal)
    },
    connector(options) {
      const connect = buildConnector({ ...options, lookup } as buildConnector.BuildOptions)
      return (target, callback) => {
        // For an address no name is looked up.
        const host = unbracketed(target.hostname)
        if (isIP(host) !== 0) {
          try {
            assertAllowed(host, host)
          } catch (error) {
            callback(error as Error, null)
            return
          }
        }
        connect(target, callback)
      }
    },
  }
}

/** A look-up holds one of the few threads for it: a host whose server is silent must not take all of them. */
function sharing(resolve: Resolve): Resolve {
  const running = new Map<string, Promise<readonly ResolvedAddress[]>>()
  return host => {
    let promise = running.get(host)
    if (promise === undefined) {
      promise = resolve(host).finally(() => running.delete(host))
      running.set(host, promise)
    }
    return promise
  }
}

const resolveBySystem: Resolve = host => systemLookup(host, { all: true })

function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
}
