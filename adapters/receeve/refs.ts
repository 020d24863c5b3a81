// Identifiers in receeve's details. The vendor documents only a few of them, and spells some in two ways; what they
// have in common is how their names end.
import type { Refs } from '../../src/event.ts'
import type { Json } from '../../src/json/parse.ts'
import { arrayAt, idAt, isObject, objectAt } from '../../src/json/read.ts'
import { lowerGuid } from '../../src/names.ts'

/** Names of one ref, the preferred one first: receeve's own name for a claim stands back behind the lender's. */
const known: Readonly<Record<string, readonly string[]>> = {
  claim: ['claimRef', 'claimReference', 'receeveClaimRef', 'receiveClaimRef'],
  account: ['accountReference', 'accountRef'],
  debtor: ['externalDebtorRef', 'debtorRef'],
}

const refsMax = 20

export function refsOf(details: Json | undefined): Refs {
  const refs = new Map<string, string>()
  const places = [details, objectAt(details, 'debtor')]
  for (const [kind, names] of Object.entries(known)) {
    for (const place of places) {
      for (const name of names) {
        const id = idAt(place, name)
        if (id !== undefined && !refs.has(kind)) refs.set(kind, lowerGuid(id))
      }
    }
  }
  for (const place of places) {
    for (const name of isObject(place) ? Object.keys(place) : []) {
      const kind = kindOf(name)
      const id = kind === undefined || refs.has(kind) || refs.size >= refsMax ? undefined : idAt(place, name)
      if (kind !== undefined && id !== undefined) refs.set(kind, id)
    }
  }
  return Object.fromEntries(refs)
}

/** The claims of a payment for several: a list of references, or of objects that have one. */
export function claimsOf(details: Json | undefined): string[] | undefined {
  for (const name of ['claims', 'claimRefs', 'claimReferences', 'receeveClaimRefs', 'receiveClaimRefs']) {
    const claims = (arrayAt(details, name) ?? []).flatMap(each => {
      const id = isObject(each) ? refsOf(each).claim : idAt(each)
      return id === undefined ? [] : [lowerGuid(id)]
    })
    if (claims.length > 0) return claims
  }
  return undefined
}

/** `receivePaymentRef` → `payment`, `instalmentsPlanId` → `instalmentPlan`. */
function kindOf(name: string): string | undefined {
  const stem = /^([A-Za-z][A-Za-z0-9]{1,60}?)(?:Ref|Reference|Id)$/.exec(name)?.[1]
  const bare = stem
    ?.replace(/^(?:receeve|receive|external)(?=[A-Z])/, '')
    .replace(/^instalmentsPlan/i, 'instalmentPlan')
  return bare && bare.charAt(0).toLowerCase() + bare.slice(1)
}
