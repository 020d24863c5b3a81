// The registry: every vendor that Postern knows, one line each. A test fails when a folder here is missing from it.
export { arix } from './arix/index.ts'
export { ballerine } from './ballerine/index.ts'
export { banclo } from './banclo/index.ts'
export { embarc } from './embarc/index.ts'
export { generic } from './generic/index.ts'
export { receeve } from './receeve/index.ts'
export { standardWebhooks } from './standard-webhooks/index.ts'
