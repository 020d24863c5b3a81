// The registry: every vendor that Postern knows, one line each. A test fails when a folder here is missing from it.
export { ballerine } from './ballerine/index.ts'
export { banclo } from './banclo/index.ts'
export { receeve } from './receeve/index.ts'
