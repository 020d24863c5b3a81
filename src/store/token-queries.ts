// Tokens in their table, for both engines. What is asked for with every request goes by the unique index of ids.
import type { ExpressionBuilder, Kysely } from 'kysely'
import { paged } from './paged.ts'
import { deleteInSteps } from './steps.ts'
import type { Tables, TokensTable } from './tables.ts'
import { type Scope, type TokenRow, type Tokens, tokensMax } from './tokens.ts'

const columns = ['number', 'id', 'name', 'scopes', 'sources', 'createdat', 'expiresat', 'usedat', 'revokedat'] as const

type Row = Omit<TokensTable, 'number' | 'hash'> & { number: number }

/** Each change is one statement. */
export function tokens({ reading, writing }: { reading: Kysely<Tables>; writing: Kysely<Tables> }): Tokens {
  return {
    async add({ id, name, hash, scopes, sources, createdAt, expiresAt }) {
      const { count } = await reading
        .selectFrom('tokens')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('revokedat', 'is', null)
        .executeTakeFirstOrThrow()
      if (count >= tokensMax) return 'full'
      const added = await writing
        .insertInto('tokens')
        .values({
          id,
          name,
          hash,
          scopes: JSON.stringify(scopes),
          sources: sources === null ? null : JSON.stringify(sources),
          createdat: createdAt,
          expiresat: expiresAt,
        })
        .onConflict(conflict => conflict.doNothing())
        .returning('number')
        .executeTakeFirst()
      // A statement that was repeated after its connection was lost finds itself.
      return added !== undefined || (await find(writing, id)) !== undefined ? 'added' : 'taken'
    },

    async find(id) {
      const row = await find(reading, id)
      return row && { ...tokenOf(row), hash: row.hash }
    },

    async list({ limit, cursor, revoked }) {
      let query = reading
        .selectFrom('tokens')
        .select(columns)
        .orderBy('number', 'desc')
        .limit(limit + 1)
      if (!revoked) query = query.where('revokedat', 'is', null)
      if (cursor !== undefined) query = query.where('number', '<', Number(cursor))
      return paged(await query.execute(), limit, tokenOf)
    },

    async used(id, at) {
      await writing
        .updateTable('tokens')
        .set({ usedat: at })
        .where('id', '=', id)
        .where(isBefore('usedat', at))
        .execute()
    },

    async revoke(id, now) {
      const revoked = await writing
        .updateTable('tokens')
        .set({ revokedat: now })
        .where('id', '=', id)
        .where('revokedat', 'is', null)
        .returning('number')
        .execute()
      return revoked.length > 0
    },

    forget: before =>
      deleteInSteps(limit => {
        const old = writing.selectFrom('tokens').select('number').where('revokedat', '<', before).limit(limit)
        return writing.deleteFrom('tokens').where('number', 'in', old).returning('number').execute()
      }),
  }
}

function find(db: Kysely<Tables>, id: Buffer) {
  return db
    .selectFrom('tokens')
    .select([...columns, 'hash'])
    .where('id', '=', id)
    .executeTakeFirst()
}

function isBefore(column: 'usedat', at: number) {
  return ({ eb, or }: ExpressionBuilder<Tables, 'tokens'>) => or([eb(column, 'is', null), eb(column, '<', at)])
}

function tokenOf({ id, name, scopes, sources, createdat, expiresat, usedat, revokedat }: Row): TokenRow {
  return {
    id,
    name,
    scopes: JSON.parse(scopes) as Scope[],
    sources: sources === null ? null : (JSON.parse(sources) as string[]),
    createdAt: createdat,
    expiresAt: expiresat,
    usedAt: usedat,
    revokedAt: revokedat,
  }
}
