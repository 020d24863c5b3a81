// Taking out of an inbox that serves as a spool what is safe elsewhere, as the writer's thread does it.
import type { Database } from 'better-sqlite3'
import type { Drained } from './commands.ts'

export class Drain {
  readonly #statements

  constructor(db: Database) {
    this.#statements = {
      idOf: db.prepare('select id from events where sequence = ?').pluck(),
      hasConflict: db.prepare('select 1 from conflicts where event = ? limit 1').pluck(),
      event: db.prepare('delete from events where sequence = ?'),
      identity: db.prepare('delete from identities where id = ?'),
      request: db.prepare(
        `delete from requests where sequence = @owner and not exists (
           select 1 from events
           where sequence between @owner and @last and coalesce(request, sequence) = @owner)`,
      ),
      ownerOf: db.prepare('select coalesce(request, sequence) from events where sequence = ?').pluck(),
      minutes: db.prepare(
        'delete from minutes where last < (select coalesce(min(sequence), 9007199254740991) from events)',
      ),
      conflict: db.prepare('delete from conflicts where number = ?'),
      quarantine: db.prepare('delete from quarantine where number = ?'),
      rejection: db.prepare('delete from rejections where number = ?'),
    }
  }

  /**
   * An event and its identity go together, so that a conflict always finds what it is in conflict with: one that came
   * since keeps its event here, to be moved once more. Answers the sequences that stay for it.
   */
  remove({ sequences, conflicts, quarantine, rejections }: Drained): number[] {
    const statements = this.#statements
    for (const number of conflicts) statements.conflict.run(number)
    const staying: number[] = []
    for (const some of sequences) {
      const owner = statements.ownerOf.get(some[0]) as number | undefined
      if (owner === undefined) continue
      for (const sequence of some) {
        const id = statements.idOf.get(sequence) as Buffer | undefined
        if (id === undefined) continue
        if (statements.hasConflict.get(id) !== undefined) {
          staying.push(sequence)
          continue
        }
        statements.event.run(sequence)
        statements.identity.run(id)
      }
      statements.request.run({ owner, last: some.at(-1) })
    }
    if (sequences.length > 0) statements.minutes.run()
    for (const number of quarantine) statements.quarantine.run(number)
    for (const number of rejections) statements.rejection.run(number)
    return staying
  }
}
