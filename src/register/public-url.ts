// Whether a vendor could send to the URL that would be registered.

import { parseAddress } from '../checks/ip-allowlist.ts'
import { addressKinds } from '../delivery/egress-addresses.ts'

/** What is wrong with it; undefined where it will do. */
export function publicUrlProblem(publicUrl: string): string | undefined {
  const { protocol, hostname, origin } = new URL(publicUrl)
  const host = hostname.replace(/^\[|\]$/g, '')
  const isLocalName =
    /^(localhost|[^.]+|.*\.(localhost|local|internal))$/i.test(host) && parseAddress(host) === undefined
  const unreached = parseAddress(host) !== undefined && addressKinds(host).some(({ kind }) => kind.reach !== 'public')
  if (isLocalName || unreached) return `publicUrl is ${origin}, which no vendor can reach`
  return protocol === 'https:' ? undefined : `publicUrl is ${origin}: events would come in the clear`
}
