// What would be done about a comparison.
import type { Compared } from './compare.ts'
import type { Action, Step } from './vendor-side.ts'

export interface PlanOptions {
  /** Removes what leads here and nobody wants. */
  removeExtra: boolean
  /** Sends again what is right as far as one can see: passwords are not among what one can. */
  renew: boolean
}

export function planOf(compared: readonly Compared[], options: PlanOptions): Step[] {
  return compared
    .filter(({ state }) => state !== 'elsewhere')
    .map(each => ({ action: actionFor(each, options), compared: each }))
}

function actionFor(compared: Compared, { removeExtra, renew }: PlanOptions): Action {
  switch (compared.state) {
    case 'missing':
      return 'create'
    case 'differs':
      return compared.differences.join() === 'suspended' ? 'restart' : 'update'
    case 'extra':
      return removeExtra ? 'remove' : 'leave'
    default:
      return renew ? 'update' : 'leave'
  }
}
