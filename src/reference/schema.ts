// A JSON Schema for people: its type in a few words, and its members as a table.
import { html } from 'hono/html'
import { type Html, words } from './text.ts'

export interface SchemaNode {
  $ref?: string
  type?: string | string[]
  format?: string
  description?: string
  enum?: unknown[]
  const?: unknown
  items?: SchemaNode
  oneOf?: SchemaNode[]
  anyOf?: SchemaNode[]
  allOf?: SchemaNode[]
  properties?: Record<string, SchemaNode>
  required?: string[]
  additionalProperties?: SchemaNode | boolean
  default?: unknown
  minimum?: number
  maximum?: number
}

/** Deeper members are the document's to tell. */
const depthMax = 4

/** `list of Event`, `text or null`, with links to what has a name. */
export function typeOf(schema: SchemaNode): Html {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1)!
    return html`<a href="#schema-${name}">${name}</a>`
  }
  const several = schema.oneOf ?? schema.anyOf ?? schema.allOf
  if (several !== undefined) return joined(several.map(typeOf), schema.allOf === undefined ? ' or ' : ' and ')
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const])
  if (choices !== undefined) {
    const shown = choices.map(choice => html`<code>${JSON.stringify(choice)}</code>`)
    return joined(shown.length > 12 ? [...shown.slice(0, 12), html`…`] : shown, ' ')
  }
  const types = [schema.type ?? []].flat().map(type => {
    if (type === 'array' && schema.items !== undefined) return html`list of ${typeOf(schema.items)}`
    return html`${schema.format ?? names[type] ?? type}`
  })
  return types.length === 0 ? html`any` : joined(types, ' or ')
}

const names: Readonly<Record<string, string>> = { string: 'text', array: 'list', integer: 'whole number' }

/** Its members, and theirs where they have no name of their own. */
export function membersOf(schema: SchemaNode): Html {
  const parts = [schema, ...(schema.allOf ?? [])]
  const rows = parts.flatMap(part => rowsOf(part, '', 0))
  if (rows.length === 0) return html`<p>${typeOf(schema)}</p>`
  const named = parts.filter(({ $ref }) => $ref !== undefined)
  const others = named.length === 0 ? '' : html`<p>${joined(named.map(typeOf), ' and ')}, and beside it:</p>`
  return html`${others}<table><tr><th>member</th><th>type</th><th></th></tr>${rows}</table>`
}

function rowsOf(schema: SchemaNode, path: string, depth: number): Html[] {
  if (depth > depthMax) return []
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const isRequired = schema.required?.includes(name) === true
    const { items } = member
    const row = html`<tr>
      <td><code>${path}${name}</code>${isRequired ? '' : html` <span class="muted">optional</span>`}</td>
      <td>${typeOf(member)}${boundsOf(member)}</td>
      <td>${words(member.description ?? '')}</td>
    </tr>`
    return [
      row,
      ...rowsOf(member, `${path}${name}.`, depth + 1),
      ...(items === undefined ? [] : rowsOf(items, `${path}${name}[].`, depth + 1)),
    ]
  })
}

/** ` 1 to 500, default 50`. */
export function boundsOf({ minimum, maximum, default: preset }: SchemaNode): string {
  const bounds = minimum === undefined || maximum === undefined ? '' : `, ${minimum} to ${maximum}`
  return bounds + (preset === undefined ? '' : `, default ${JSON.stringify(preset)}`)
}

function joined(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, at) => (at === 0 ? part : html`${between}${part}`))}`
}
