// All that the delivery calls, in the order in which it is made.
import { sharedFunctions } from './work.ts'
import { expireFunction, forgetFunction, sweepFunction } from './work-expire.ts'
import { feedFunction } from './work-feed.ts'
import { forwardFunction, leaseFunction, releaseFunction, renewFunction } from './work-lease.ts'
import { cancelFunction, retryDeadFunction, retryFunction, skipLaneFunction } from './work-people.ts'
import { settleFunction } from './work-settle.ts'

export const workFunctions = [
  ...sharedFunctions,
  feedFunction,
  leaseFunction,
  renewFunction,
  releaseFunction,
  forwardFunction,
  settleFunction,
  retryFunction,
  retryDeadFunction,
  skipLaneFunction,
  cancelFunction,
  forgetFunction,
  expireFunction,
  sweepFunction,
]
