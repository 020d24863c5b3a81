// `/reference`: the document as a page. Without a token, as the document itself; it loads nothing and runs nothing.
import { hash } from 'node:crypto'
import { Hono } from 'hono'
import { type ReferenceDocument, referencePage } from '../reference/page.ts'
import { style } from '../reference/style.ts'
import { openApiDocument } from './openapi.ts'
import type { RouteDefinition } from './route.ts'

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export function referenceRoute(definitions: () => readonly RouteDefinition[], root: string): Hono {
  const app = new Hono()
  let page: string | undefined
  app.get('/reference', () => {
    page ??= referencePage(openApiDocument(definitions(), root) as unknown as ReferenceDocument)
    return new Response(page, { headers })
  })
  return app
}
