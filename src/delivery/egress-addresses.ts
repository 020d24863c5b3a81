// Which addresses we may call: what an address is, whatever clothes it wears.
// Some are never called, whatever the configuration says: a machine's metadata gives away its credentials.
import type ipaddr from 'ipaddr.js'
import { parseAddress, parseNetwork } from '../checks/ip-allowlist.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** `forbidden` is never called; `private` is what the public internet does not route to. */
export interface AddressKind {
  reach: 'public' | 'private' | 'forbidden'
  /** For people: `link-local`, `a cloud's metadata`. */
  name: string
}

/** Metadata and other host services of clouds, beside those that are link-local. */
const metadata = [
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure
  '192.0.0.192', // Oracle
  'fd00:ec2::/32', // Amazon
  'fd00:42::42', // Scaleway
  'fd00:c1::a9fe:a9fe', // Oracle
  'fd20:ce::254', // Google
].map(parseNetwork)

const forbiddenRanges = new Map([
  ['unspecified', 'unspecified'],
  ['broadcast', 'broadcast'],
  ['multicast', 'multicast'],
  ['linkLocal', 'link-local'],
  // Where it leads depends on the network's own translator.
  ['rfc6052', 'a local NAT64'],
])

/** What each of the addresses is that this text reaches; a text that is no address is forbidden. */
export function addressKinds(text: string): { address: Address | undefined; kind: AddressKind }[] {
  const address = parseAddress(text)
  if (address === undefined) return [{ address, kind: { reach: 'forbidden', name: 'not an address' } }]
  return reached(address).map(each => ({ address: each, kind: kindOf(each) }))
}

function kindOf(address: Address): AddressKind {
  if (metadata.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))) {
    return { reach: 'forbidden', name: "a cloud's metadata" }
  }
  const range = address.range()
  const forbidden = forbiddenRanges.get(range)
  if (forbidden !== undefined) return { reach: 'forbidden', name: forbidden }
  // Of IPv6 only 2000::/3 is given out to the world.
  const routed = address.kind() === 'ipv4' || ((address as ipaddr.IPv6).parts[0]! & 0xe000) === 0x2000
  if (range === 'unicast' && routed) return { reach: 'public', name: 'public' }
  return { reach: 'private', name: range === 'loopback' ? 'loopback' : 'private' }
}

/** The address itself, or the IPv4 addresses that an IPv6 one carries for a translator or tunnel to go to. */
function reached(address: Address): Address[] {
  if (address.kind() === 'ipv4') return [address]
  const { parts } = address as ipaddr.IPv6
  const range = address.range()
  const at = (index: number, invert = 0) => ipv4((parts[index]! ^ invert) * 0x10000 + (parts[index + 1]! ^ invert))
  // NAT64's well-known prefix; the one for local use (64:ff9b:1::) hides the address in several ways.
  if (range === 'rfc6052' && parts[2] === 0) return [at(6)]
  if (range === 'rfc6145') return [at(6)]
  if (range === '6to4') return [at(1)]
  // The server's, and the client's with its bits turned round.
  if (range === 'teredo') return [at(2), at(6, 0xffff)]
  // `::10.0.0.1`, the compatible form of old.
  const compatible = parts.slice(0, 6).every(part => part === 0) && (parts[6] !== 0 || parts[7]! > 1)
  return compatible ? [at(6)] : [address]
}

function ipv4(number: number): Address {
  return parseAddress([24, 16, 8, 0].map(bits => Math.floor(number / 2 ** bits) % 256).join('.'))!
}
