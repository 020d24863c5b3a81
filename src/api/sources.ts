// A source as people see it: what it checks, never with what.
import type { Check } from '../checks/check.ts'
import type { Source } from '../ingest/source.ts'

export function describeSource(source: Source, publicUrl: string): object {
  const { name, vendor, namespace, check, unverified, options } = source
  return {
    name,
    vendor,
    url: `${publicUrl.replace(/\/$/, '')}/hooks/${name}${source.hasPathToken ? '/<token>' : ''}`,
    namespace,
    environment: options.environment ?? null,
    check: check === undefined ? { kind: 'unverified', why: unverified?.why } : describeCheck(check),
  }
}

function describeCheck({ kind, parts }: Check<string>): object {
  return parts === undefined ? { kind } : { kind, of: parts.checks.map(describeCheck) }
}
