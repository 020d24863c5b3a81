import { searchedPayloads } from '../contract/store/search.ts'
import { testStore } from '../contract/store.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresEngine } from '../support/postgres-store.ts'

testStore({
  name: 'PostgreSQL',
  open: postgresEngine(createDatabase),
  openSearched: postgresEngine(createDatabase, () => ({}), { payloadOf: searchedPayloads }),
})
