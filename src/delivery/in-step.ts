// Keeping the stored subscriptions in step with the configuration file at start: what is new is made, what changed is
// brought up to date, what is gone stops feeding. A node with an older configuration undoes nothing of a newer one's.
import type { Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { Store } from '../store/store.ts'
import { publicForm } from './public-form.ts'
import { firstCursor } from './start.ts'
import type { SubscriptionSpec } from './subscription.ts'

export interface InStepParts {
  store: Store
  /** Those of the configuration file. */
  specs: readonly SubscriptionSpec[]
  /** The configuration's; without one every start counts as the newest. */
  revision: number | undefined
  clock: Clock
  log: Log
}

export async function keepInStep({ store, specs, revision, clock, log }: InStepParts): Promise<void> {
  const { deliveries } = store
  const applied = await deliveries.revision()
  if (revision !== undefined && applied !== null && revision < applied) {
    log.warn({ revision, applied }, 'the subscriptions of a newer configuration are in force: these are not applied')
    return
  }
  const now = clock.now()
  const rows = new Map((await deliveries.subscriptions()).map(row => [row.name, row]))
  for (const spec of specs) {
    const form = JSON.stringify(publicForm(spec))
    const row = rows.get(spec.name)
    rows.delete(spec.name)
    if (row !== undefined && row.origin === 'config' && row.removedAt === null && row.spec === form) continue
    if (row?.origin === 'api' && row.removedAt === null) {
      log.warn({ subscription: spec.name }, 'a subscription made through the API is now the configuration file’s')
    }
    const cursor = await firstCursor(store, spec.start)
    await deliveries.putSubscription({ name: spec.name, origin: 'config', spec: form, sealed: null, cursor, now })
  }
  for (const row of rows.values()) {
    if (row.origin !== 'config' || row.removedAt !== null) continue
    await deliveries.remove(row.number, now)
    log.warn({ subscription: row.name }, 'this subscription is no longer configured: it feeds nothing more')
  }
  if (revision !== undefined && revision !== applied) await deliveries.setRevision(revision)
}
