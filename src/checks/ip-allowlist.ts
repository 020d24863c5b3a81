// The client's address among networks. It is as good as the network between: alone it is warned of at start.
import ipaddr from 'ipaddr.js'
import { type Check, passed, readsNothing, refused } from './check.ts'

export type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. Throws TypeError that names the text. */
export function parseNetwork(text: string): Network {
  const [, base = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseAddress(base)
  if (address !== undefined) {
    const width = address.kind() === 'ipv4' ? 32 : 128
    // `::ffff:10.0.0.0/104` is 10.0.0.0/8: the first 96 bits only say that it is IPv4.
    const length = bits === undefined ? width : Number(bits) - (width === 32 && base.includes(':') ? 96 : 0)
    if (length >= 0 && length <= width) return [address, length]
  }
  throw new TypeError(`expected an address or network such as 10.0.0.0/8, got ${JSON.stringify(text)}`)
}

/** Whether an address lies in one of the networks; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is IPv4. */
export function inNetworks(address: string, networks: readonly Network[]): boolean {
  const parsed = parseAddress(address)
  return (
    parsed !== undefined &&
    networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits))
  )
}

/**
 * An address, or undefined where the text is none. Four decimal parts and no less: the library takes `10` for 0.0.0.10
 * and `010.0.0.1` for 8.0.0.1 too. An IPv4 address in IPv6's clothes is IPv4.
 */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const valid = text.includes(':') ? ipaddr.IPv6.isValid(text) : ipaddr.IPv4.isValidFourPartDecimal(text)
  return valid ? ipaddr.process(text) : undefined
}

/** Verifies that the client's address is in one of the networks. Refused with 403. */
export function ipAllowlist(cidrs: readonly string[]): Check {
  if (!Array.isArray(cidrs) || cidrs.length === 0) {
    throw new TypeError('ipAllowlist: expected at least one address or network')
  }
  const networks = cidrs.map(parseNetwork)
  return {
    kind: 'ip-allowlist',
    weak: true,
    reads: readsNothing,
    needsBody: false,
    secrets: [],
    verify(request) {
      return inNetworks(request.address, networks)
        ? passed('ip-allowlist')
        : refused('forbidden', `address ${request.address} is not on the allowlist`)
    },
    sign: sample => sample,
    credentials: () => [],
  }
}
