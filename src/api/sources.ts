// The route of sources: each as people see it, with what it checks, never with what it checks by.
import { z } from '@hono/zod-openapi'
import type { Check } from '../checks/check.ts'
import type { Source } from '../ingest/source.ts'
import { listForm } from './event-form.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { maySee } from './source-limits.ts'

export interface SourceRoutesParts {
  /** By name, old names included. */
  sources: ReadonlyMap<string, Source>
  publicUrl: string
}

interface ShownCheck {
  kind: string
  why?: string | undefined
  of?: ShownCheck[] | undefined
}

const checkForm: z.ZodType<ShownCheck, ShownCheck> = z
  .object({
    kind: z.string().meta({ description: '`hmac`, `basic`, `allOf`, `unverified` …' }),
    why: z.string().optional().meta({ description: 'why nothing is checked' }),
    get of() {
      return z.array(checkForm).optional()
    },
  })
  .openapi('Check')
const sourceForm = z
  .object({
    name: z.string(),
    vendor: z.string(),
    url: z.string().meta({ description: 'what is entered at the vendor' }),
    namespace: z.string(),
    environment: z.string().nullable(),
    check: checkForm,
  })
  .openapi('Source')

export function sourceRoutes({ sources, publicUrl }: SourceRoutesParts): ApiRoute[] {
  return [
    defineRoute(
      {
        method: 'get',
        path: '/sources',
        name: 'listSources',
        tag: 'Sources',
        summary: 'The configured entrances, and the kinds of their checks',
        scope: 'read',
        bySource: true,
        answers: {
          200: {
            description: 'The sources',
            schema: listForm(sourceForm).openapi('SourceList'),
            example: {
              items: [
                {
                  name: 'loan-portal',
                  vendor: 'acme',
                  url: 'https://hooks.example.com/hooks/loan-portal/<token>',
                  namespace: 'loan-portal',
                  environment: 'production',
                  check: { kind: 'allOf', of: [{ kind: 'path-token' }, { kind: 'hmac' }] },
                },
              ],
              next: null,
            },
          },
        },
      },
      ({ principal }) => {
        const seen = [...new Set(sources.values())].filter(({ name }) => maySee(principal, name))
        return { items: seen.map(source => describeSource(source, publicUrl)), next: null }
      },
    ),
  ]
}

function describeSource(source: Source, publicUrl: string): z.infer<typeof sourceForm> {
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

function describeCheck({ kind, parts }: Check<string>): ShownCheck {
  return parts === undefined ? { kind } : { kind, of: parts.checks.map(describeCheck) }
}
