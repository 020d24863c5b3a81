// The source that the benchmark posts to: Banclo, its signature over the raw body in a header.
import { defineConfig } from 'postern'
import { banclo } from 'postern/adapters'
import { secret, signatureHeader } from './requests.ts'

export default defineConfig({
  sources: {
    banclo: banclo({ check: banclo.signature({ secret, covers: 'raw-body', header: signatureHeader }) }),
  },
})
