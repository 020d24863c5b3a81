// The client's address: the connection's own, or what a proxy that is trusted says of it. A header from anybody else
// is only what a stranger claims.
import type { IncomingMessage } from 'node:http'
import { inNetworks, parseAddress, parseNetwork } from '../checks/ip-allowlist.ts'

/** Networks of proxies whose X-Forwarded-For counts, or `fly` for Fly.io's Fly-Client-IP. */
export type TrustProxy = 'fly' | readonly string[]

export type ClientAddress = (incoming: IncomingMessage) => string

/** Throws TypeError for a network that is none. */
export function clientAddress(trustProxy: TrustProxy = []): ClientAddress {
  if (trustProxy === 'fly') {
    return incoming => {
      const said = incoming.headers['fly-client-ip']
      return (typeof said === 'string' ? parseAddress(said)?.toString() : undefined) ?? peer(incoming)
    }
  }
  const networks = trustProxy.map(parseNetwork)
  if (networks.length === 0) return peer
  return incoming => {
    let address = peer(incoming)
    // Each proxy appends whom it heard from: from the right, the first that is no proxy of ours is the client.
    const hops = forwardedFor(incoming)
    while (inNetworks(address, networks)) {
      const next = parseAddress(hops.pop() ?? '')
      if (next === undefined) break
      address = next.toString()
    }
    return address
  }
}

function forwardedFor({ rawHeaders }: IncomingMessage): string[] {
  const hops: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]!.toLowerCase() !== 'x-forwarded-for') continue
    for (const hop of rawHeaders[index + 1]!.split(',')) hops.push(bare(hop.trim()))
  }
  return hops
}

/** Without a port: `10.0.0.1:4711`, `[2001:db8::1]:4711`. */
function bare(hop: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)?.[1] ?? hop
}

function peer({ socket }: IncomingMessage): string {
  const address = socket.remoteAddress ?? '0.0.0.0'
  return address.startsWith('::ffff:') ? (parseAddress(address)?.toString() ?? address) : address
}
