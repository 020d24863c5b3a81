// The reference as one page, made of the OpenAPI document: no script, nothing that is loaded, nothing to install.
import { html, raw } from 'hono/html'
import { operationSection } from './operation.ts'
import { membersOf, type SchemaNode } from './schema.ts'
import { style } from './style.ts'
import { type Html, paragraphs, words } from './text.ts'

export interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
  example?: string | string[]
  schema: SchemaNode
}
export interface Media {
  schema: SchemaNode
  example?: unknown
  examples?: Record<string, unknown>
}
export interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  security: { token: string[] }[]
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}
export interface ReferenceDocument {
  info: { title: string; description: string }
  servers: { url: string }[]
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, SchemaNode>; securitySchemes: { token: { description: string } } }
}

/** An operation with where it is. */
export interface Placed {
  method: string
  /** With the root. */
  path: string
  operation: Operation
}

const shell =
  'In what is shown for a shell `$POSTERN_URL` is where this gateway is, such as `http://127.0.0.1:8080`, and ' +
  '`$POSTERN_TOKEN` a token.'

export function referencePage(document: ReferenceDocument): string {
  const { info, tags, paths, components, servers } = document
  const root = servers[0]!.url
  const all: Placed[] = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ method, path: `${root}${path}`, operation })),
  )
  const chapters = tags.map(({ name }) => ({
    name,
    placed: all.filter(({ operation }) => operation.tags.includes(name)),
  }))
  const schemas = Object.entries(components.schemas)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} · API reference</title>
<style>${raw(style)}</style>
</head>
<body>
<nav aria-label="Operations">
<a href="#top"><b>${info.title}</b></a>
${chapters.map(contents)}
<strong>Schemas</strong>
<ul>${schemas.map(([name]) => html`<li><a href="#schema-${name}">${name}</a></li>`)}</ul>
</nav>
<main id="top">
<h1>${info.title} API</h1>
${paragraphs(info.description)}
<p>The same for programs: <a href="${root}/openapi.json">${root}/openapi.json</a> (OpenAPI 3.1).</p>
<h4>Authorization</h4>
<p><code>Authorization: Bearer &lt;token&gt;</code>. ${words(components.securitySchemes.token.description)}</p>
<p>${words(shell)}</p>
${chapters.map(({ name, placed }) => html`<h2>${name}</h2>${placed.map(operationSection)}`)}
<h2>Schemas</h2>
${schemas.map(
  ([name, schema]) =>
    html`<section id="schema-${name}"><h3>${name}</h3>${words(schema.description ?? '')}${membersOf(schema)}</section>`,
)}
</main>
</body>
</html>`
  return String(page)
}

function contents({ name, placed }: { name: string; placed: Placed[] }): Html {
  return html`<strong>${name}</strong>
<ul>${placed.map(
    ({ method, path, operation }) =>
      html`<li><a href="#${operation.operationId}" title="${operation.summary}"><span class="method">${method}</span>
<span>${path.replace(/^\/api\/v1/, '')}</span></a></li>`,
  )}</ul>`
}
