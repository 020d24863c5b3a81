// One operation of the reference: what it takes, what it answers, and how it is called from a shell.
import { html } from 'hono/html'
import type { Media, Operation, Parameter, Placed } from './page.ts'
import { boundsOf, membersOf, typeOf } from './schema.ts'
import { type Html, shown, words } from './text.ts'

const problemType = 'application/problem+json'

export function operationSection({ method, path, operation }: Placed): Html {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const body = requestBody?.content['application/json']
  const statuses = Object.entries(responses)
  const isProblem = ([, { content }]: (typeof statuses)[number]) => content?.[problemType] !== undefined
  return html`<section id="${operationId}">
<h3><span class="method">${method}</span> ${path}</h3>
<p>${words(summary)}. <span class="scope">${scopeOf(operation)}</span></p>
${description === undefined ? '' : html`<p>${words(description)}</p>`}
${parameters.length === 0 ? '' : parametersTable(parameters)}
${body === undefined ? '' : bodyOf(body)}
<h4>Answers</h4>
${statuses.filter(each => !isProblem(each)).map(answerOf)}
<details><summary>Problems</summary>
<table>${statuses
    .filter(isProblem)
    .map(
      ([status, { description }]) => html`<tr><td><code>${status}</code></td><td>${words(description)}</td></tr>`,
    )}</table>
</details>
<details><summary>From a shell</summary>${shown(curl(method, path, operation))}</details>
</section>`
}

function scopeOf({ security }: Operation): string {
  const scope = security[0]?.token[0]
  return scope === undefined ? 'takes no token' : `scope ${scope}`
}

function parametersTable(parameters: readonly Parameter[]): Html {
  return html`<h4>Parameters</h4>
<table><tr><th>name</th><th>in</th><th>type</th><th></th></tr>${parameters.map(
    each => html`<tr>
<td><code>${each.name}</code>${each.required === true ? '' : html` <span class="muted">optional</span>`}</td>
<td>${each.in}</td>
<td>${typeOf(each.schema)}${boundsOf(each.schema)}</td>
<td>${words(each.description ?? '')}${exampleOf(each)}</td>
</tr>`,
  )}</table>`
}

/** Of what is in a path the line for a shell has it. */
function exampleOf({ in: place, example }: Parameter): Html {
  if (place !== 'query' || example === undefined) return html``
  return html`<div class="muted">such as <code>${[example].flat().join(' ')}</code></div>`
}

function bodyOf({ schema, example }: Media): Html {
  if (schema.$ref === undefined && Object.keys(schema.properties ?? {}).length === 0) {
    return html`<h4>Body</h4><p>none, or <code>{}</code></p>`
  }
  return html`<h4>Body</h4>
${schema.$ref === undefined ? membersOf(schema) : html`<p>${typeOf(schema)}</p>`}
${example === undefined ? '' : shown(example)}`
}

function answerOf([status, { description, content = {} }]: [string, Operation['responses'][string]]): Html {
  const [entry] = Object.entries(content)
  const [type, media] = entry ?? []
  return html`<p><code>${status}</code> ${words(description)}${type === undefined ? '' : html` · ${type}`}${
    media?.schema.$ref === undefined ? '' : html` · ${typeOf(media.schema)}`
  }</p>
${media?.example === undefined ? '' : html`<details><summary>Example</summary>${shown(media.example)}</details>`}`
}

/** A line that works when the token is in the environment. */
export function curl(method: string, path: string, operation: Operation): string {
  const { parameters = [], requestBody, security, responses } = operation
  // Without it what has come waits until there is more.
  const flags = responses[200]?.content?.['text/event-stream'] === undefined ? '' : ' -N'
  const example = requestBody?.content['application/json']?.example
  const given = (name: string) => [parameters.find(each => each.name === name)?.example ?? `<${name}>`].flat()[0]!
  const query = parameters.filter(each => each.in === 'query' && each.required === true)
  const asked = query.map(({ name }) => `${name}=${encodeURIComponent(given(name)).replaceAll('%2F', '/')}`).join('&')
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => given(name)) + (asked === '' ? '' : `?${asked}`)
  return [
    method === 'get' ? `curl${flags}` : `curl -X ${method.toUpperCase()}`,
    ...(security.length === 0 ? [] : ['-H "Authorization: Bearer $POSTERN_TOKEN"']),
    ...(example === undefined ? [] : [`-d '${JSON.stringify(example).replaceAll("'", "'\\''")}'`]),
    `"$POSTERN_URL${filled}"`,
  ].join(' ')
}
