// A database of one test's own, on the server that the run has started.
import { inject } from 'vitest'
import { createDatabaseOn, type TestDatabase } from './postgres.ts'
import type {} from './postgres-setup.ts'

export function createDatabase(template?: string): Promise<TestDatabase> {
  return createDatabaseOn(inject('postgresUrl'), template)
}
