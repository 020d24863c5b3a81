// A hook's body in its three shapes: JSON; form fields, whose nested maps are Java's `toString()`; and, before
// Fineract 1.5, only the command's result, with the names in the headers. What is said in the body wins.
import type { InboundRequest } from '../../src/adapter.ts'
import { JsonNumber, type JsonObject } from '../../src/json/parse.ts'
import { isObject, objectAt, textAt } from '../../src/json/read.ts'

export interface Command {
  entity: string
  action: string
  /** The tenant that a header names. Headers are not authenticated. */
  tenant: string | undefined
  /** The headers name another entity or action than the body does. */
  headersDisagree: boolean
  body: JsonObject
  request: JsonObject | undefined
  /** The command's result; of a form's, the identifiers alone. Undefined where none came. */
  response: JsonObject | undefined
  /** A form's response as it came. */
  responseText: string | undefined
}

/** The members of a result that name what the command was about. */
export const identifiers = [
  'resourceId',
  'resourceIdentifier',
  'loanId',
  'clientId',
  'groupId',
  'savingsId',
  'productId',
  'subResourceId',
  'transactionId',
  'resourceExternalId',
] as const

/** The members of a body since Fineract 1.5; one that has none of them is a result alone. */
const envelope = ['entityName', 'actionName', 'createdBy', 'createdByName', 'timestamp', 'request', 'response'] as const

const formFields = [...envelope, ...identifiers, 'createdByFullName', 'officeId', 'status'] as const

export function readCommand(request: InboundRequest): Command | { notUnderstood: string } {
  const body = request.json.ok ? request.json.value : formBody(request.text)
  if (!isObject(body)) {
    return { notUnderstood: request.json.ok ? 'the body is no JSON object' : `the body is neither JSON nor a form` }
  }
  const header = (...names: string[]) => {
    for (const name of names) if (request.header(name)?.trim()) return request.header(name)?.trim()
    return undefined
  }
  const headers = {
    entity: header('x-fineract-entity', 'x-mifos-entity'),
    action: header('x-fineract-action', 'x-mifos-action'),
  }
  const said = { entity: textAt(body, 'entityName')?.trim(), action: textAt(body, 'actionName')?.trim() }
  const [entity, action] = [said.entity || headers.entity, said.action || headers.action]
  if (!entity || !action) return { notUnderstood: 'neither the body nor a header names the entity and the action' }

  const resultAlone = !envelope.some(name => Object.hasOwn(body, name))
  const responseText = typeof body.response === 'string' ? textAt(body, 'response') : undefined
  return {
    entity,
    action,
    tenant: header('fineract-platform-tenantid', 'x-mifos-platform-tenantid'),
    headersDisagree: differs(said.entity, headers.entity) || differs(said.action, headers.action),
    body,
    request: objectAt(body, 'request'),
    response: resultAlone ? body : (objectAt(body, 'response') ?? leadingIdentifiers(responseText)),
    responseText,
  }
}

function differs(said: string | undefined, header: string | undefined): boolean {
  return !!said && header !== undefined && said.toUpperCase() !== header.toUpperCase()
}

/** The fields we know of a form, or undefined where it has none of them. Numbers are doubles: `9876.0`. */
function formBody(text: string | undefined): JsonObject | undefined {
  if (text === undefined || !text.includes('=')) return undefined
  const fields = new URLSearchParams(text)
  const body: JsonObject = {}
  for (const name of formFields) {
    const value = fields.get(name)
    if (value !== null) body[name] = javaNumber(value) ?? value
  }
  return Object.keys(body).length === 0 ? undefined : body
}

/** A double as Java writes it; from ten million on with an exponent. */
function javaNumber(text: string): JsonNumber | undefined {
  return /^-?\d+(\.\d+)?(E-?\d+)?$/.test(text) ? new JsonNumber(text) : undefined
}

/**
 * The identifiers at the head of `{clientId=9876.0, resourceId=9876.0, changes={…}}`. Java's text cannot be parsed:
 * a value may hold anything, `, loanId=1` too. But up to the first value that is no number nothing is ambiguous, and
 * there Fineract puts them.
 */
function leadingIdentifiers(text: string | undefined): JsonObject | undefined {
  if (text === undefined || !text.startsWith('{')) return undefined
  const found: JsonObject = {}
  const pair = /(\w+)=(\d+(?:\.\d+)?(?:E\d+)?)(?:, |\}$)/y
  pair.lastIndex = 1
  for (let match = pair.exec(text); match !== null; match = pair.exec(text)) {
    const [, name, value = ''] = match
    const known = [...identifiers, 'officeId'].find(each => each === name)
    if (known !== undefined) found[known] = new JsonNumber(value)
  }
  return found
}
