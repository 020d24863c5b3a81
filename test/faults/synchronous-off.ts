// Loaded into the gateway by NODE_OPTIONS, and by it into its threads: makes SQLite skip the flushes that Postern asks
// for. So the test of power cuts can show that it would notice, and no setting of ours can turn them off.
import Sqlite from 'better-sqlite3'

const pragma = Sqlite.prototype.pragma
Sqlite.prototype.pragma = function (this: Sqlite.Database, source: string, options?: Sqlite.PragmaOptions) {
  return pragma.call(this, source.replace(/^synchronous\s*=\s*\w+$/i, 'synchronous = OFF'), options)
}
