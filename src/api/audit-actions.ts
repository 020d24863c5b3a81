// What the audit log calls what was done: part of the API, so none changes its meaning. A route can have no other.

export const auditActions = [
  'event.raw',
  'event.original',
  'event.export',
  'event.replay',
  'replay.create',
  'replay.cancel',
  'delivery.retry',
  'lane.skip',
  'subscription.put',
  'subscription.delete',
  'subscription.pause',
  'subscription.resume',
  'subscription.test',
  'subscription.retry',
  'quarantine.raw',
  'quarantine.release',
  'quarantine.discard',
  'rejection.raw',
  'rejection.recheck',
  'conflict.raw',
  'token.make',
  'token.revoke',
] as const

export type AuditAction = (typeof auditActions)[number]
