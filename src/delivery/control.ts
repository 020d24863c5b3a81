// How the rest of the program speaks to the delivery, which runs in a thread of its own.
import type { Outcome } from './destination.ts'

export interface DeliveryControl {
  /** Subscriptions, pauses, replays or deliveries to be tried again have changed in the store. */
  changed(): void
  /** Sends one made event to a subscription's destination now; nothing is stored. Undefined where none is at work. */
  test(subscription: string): Promise<Outcome | undefined>
  /** What the delivery counts, as Prometheus reads it; empty where it does not run. */
  metrics(): Promise<string>
}
