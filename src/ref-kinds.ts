// What the kinds of refs mean to a timeline: which of them name one matter, which name something with a life of its own,
// and which nearly every event mentions. The kinds are those that the adapters write; this is the one place that judges
// them. A leaf: it knows nothing of ours.

/**
 * Identifiers that the lender issued and every vendor was told: the only ones that link across namespaces. Vendors keep
 * the same identifier under different names (Banclo's application is Ballerine's correlation, Embarc's external id, Arix's
 * loan number), so they are compared by value: see `sameIdentifier`.
 */
const lenderIssued = ['application', 'external', 'correlation', 'loanNumber', 'account'] as const

/**
 * One matter, which a lender would keep in one folder: whatever mentions the same one belongs together. In the order in
 * which they are followed where there are too many, the ones that lead furthest first.
 */
const matters = [
  ...lenderIssued,
  'loan',
  'claim',
  'workflow',
  'bid',
  'disbursement',
  'paymentPlan',
  'instalmentPlan',
  'promiseToPay',
  'transactionGroup',
  'payment',
  'transaction',
] as const

/**
 * Said by every event of a vendor, a branch or a product, so that they link nothing: not even what is kept about the bank
 * itself. The last ones are those of our own events.
 */
const backdrops = ['bank', 'office', 'partner', 'definition', 'tenant', 'source', 'subscription'] as const

/** Parts of one event: no other mentions the same one, so that looking for it would find nothing. */
const details = ['task', 'message', 'channel', 'event', 'delivery', 'request'] as const

/*
 * All others (`client`, `group`, `debtor`, `entity`, `savings`, what a mapping calls its own) have a life of their
 * own: a loan's timeline shows its client, and a client's timeline its loans, but a loan's does not show the client's
 * other loans.
 */

const issued: ReadonlySet<string> = new Set(lenderIssued)
const places: ReadonlyMap<string, number> = new Map(matters.map((kind, place) => [kind, place]))
const ignored: ReadonlySet<string> = new Set([...backdrops, ...details])

/** Shorter texts, and numbers this short, are too likely to be two things: then the kind must be the same as well. */
const tellingLength = 6
const tellingDigits = 8

/** Whether events that mention the same one belong together. */
export function isMatter(kind: string): boolean {
  return places.has(kind)
}

/** Whether it says nothing about what belongs together. */
export function linksNothing(kind: string): boolean {
  return ignored.has(kind)
}

/** Sorts what leads furthest to the front. */
export function followedAt(kind: string): number {
  return places.get(kind) ?? places.size
}

/** The refs, as `kind:value`, that are the same identifier of the lender's, itself among them; none for other kinds. */
export function sameIdentifier(kind: string, value: string): string[] {
  if (!issued.has(kind)) return []
  const isTelling = value.length >= (/^\d+$/.test(value) ? tellingDigits : tellingLength)
  return isTelling ? lenderIssued.map(each => `${each}:${value}`) : [`${kind}:${value}`]
}
