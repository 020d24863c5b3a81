// The audit log in its table, for both engines. Lists go by the key, or by an index of what they are filtered by.
import type { Kysely } from 'kysely'
import type { Audit, AuditEntry } from './audit.ts'
import { paged } from './paged.ts'
import { deleteInSteps } from './steps.ts'
import type { AuditTable, Tables } from './tables.ts'

type Row = Omit<AuditTable, 'number'>

/** Each change is one statement. */
export function audit({ reading, writing }: { reading: Kysely<Tables>; writing: Kysely<Tables> }): Audit {
  return {
    async begin({ tokenId, ...entry }) {
      await writing
        .insertInto('audit')
        .values({ ...entry, tokenid: tokenId })
        .onConflict(conflict => conflict.column('id').doNothing())
        .execute()
    },

    async end(id, status) {
      await writing.updateTable('audit').set({ status }).where('id', '=', id).execute()
    },

    async list({ actor, action }, { limit, cursor }) {
      let query = reading
        .selectFrom('audit')
        .selectAll()
        .orderBy('number', 'desc')
        .limit(limit + 1)
      if (actor !== undefined) query = query.where('actor', '=', actor)
      if (action !== undefined) query = query.where('action', '=', action)
      if (cursor !== undefined) query = query.where('number', '<', Number(cursor))
      return paged(await query.execute(), limit, entryOf)
    },

    // The oldest of it are looked at, and no more: it is written in the order of time, but for a clock that was set.
    expire: before =>
      deleteInSteps(limit => {
        const oldest = writing.selectFrom('audit').select('number').orderBy('number').limit(limit)
        return writing
          .deleteFrom('audit')
          .where('number', 'in', oldest)
          .where('at', '<', before)
          .returning('number')
          .execute()
      }),
  }
}

function entryOf({ id, at, actor, tokenid, action, target, detail, address, status }: Row): AuditEntry {
  return { id, at, actor, tokenId: tokenid, action, target, detail, address, status }
}
