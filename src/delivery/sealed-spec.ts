// Subscriptions that were made through the API lie in the database sealed, since their secrets lie nowhere else.
import type { SealedBox } from '../ingest/sealed-box.ts'
import type { SubscriptionSpec } from './subscription.ts'

export function sealSpec(spec: SubscriptionSpec, box: SealedBox): Buffer {
  return box.seal({ subscription: spec })
}

/** Undefined where it was sealed under another key, or under another name: it has to be put anew. */
export function openSpec(
  { name, sealed }: { name: string; sealed: Buffer | null },
  box: SealedBox,
): SubscriptionSpec | undefined {
  const opened = sealed === null ? undefined : box.open(sealed)
  if (typeof opened !== 'object' || opened === null || !('subscription' in opened)) return undefined
  const spec = opened.subscription as SubscriptionSpec
  return spec.name === name ? spec : undefined
}
