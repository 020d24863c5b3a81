// The connections of one destination: a pool of its own, straight or through a proxy, to checked addresses only.
import { isIP } from 'node:net'
import { type buildConnector, type Dispatcher, Pool, ProxyAgent } from 'undici'
import type { Egress } from '../egress.ts'
import type { HttpSpec } from '../subscription.ts'

/** The exchange has time limits of its own, and these would only say less. */
const noLimits = { headersTimeout: 0, bodyTimeout: 0 }

/** HTTP/1.1 alone: one connection carries one attempt, so that closing it ends that one and no other. */
export function openConnections(spec: HttpSpec, egress: Egress, connections: number): Dispatcher {
  const { origin } = new URL(spec.url)
  const { cert, key, ca } = spec.tls ?? {}
  const tls = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  }
  const timeout = spec.connectTimeoutMs
  const pooled = { connections, pipelining: 1, allowH2: false, ...noLimits }
  if (spec.proxy === undefined) {
    return new Pool(origin, { ...pooled, connect: egress.connector({ ...tls, timeout, allowH2: false }) })
  }
  const toProxy = egress.connector({ timeout, allowH2: false })
  return new ProxyAgent({
    uri: spec.proxy,
    connectTimeout: timeout,
    allowH2: false,
    requestTls: tls,
    // Makes tunnels; one that the proxy does not answer must not hold its place for ever.
    clientFactory: url => new Pool(url, { ...pooled, connect: toProxy, headersTimeout: timeout }),
    // Towards the destination: through a tunnel, or for plain http to the proxy itself, with the whole URL.
    factory: (target, options) => {
      const { connect } = options as { connect: buildConnector.connector }
      return new Pool(target, { ...pooled, connect: new URL(target).origin === origin ? connect : toProxy })
    },
  })
}

/** Through a proxy it is not us who connect: only here can the destination's own addresses be checked. */
export async function checkBehindProxy(spec: HttpSpec, egress: Egress): Promise<void> {
  const { hostname } = new URL(spec.url)
  try {
    await egress.check(hostname)
  } catch (error) {
    // Where only the proxy knows names, it is the one to judge them.
    const { code } = error as NodeJS.ErrnoException
    if (isIP(hostname) === 0 && (code === 'ENOTFOUND' || code === 'EAI_AGAIN')) return
    throw error
  }
}
