// Loaded into the gateway by NODE_OPTIONS, and by it into its threads: makes SQLite flush less than Postern asks for
// (FAULTS_SYNCHRONOUS). So the test of power cuts can show that it would notice, and no setting of ours can do this.
import Sqlite from 'better-sqlite3'

const level = process.env.FAULTS_SYNCHRONOUS ?? 'OFF'
const pragma = Sqlite.prototype.pragma
Sqlite.prototype.pragma = function (this: Sqlite.Database, source: string, options?: Sqlite.PragmaOptions) {
  return pragma.call(this, source.replace(/^synchronous\s*=\s*\w+$/i, `synchronous = ${level}`), options)
}
