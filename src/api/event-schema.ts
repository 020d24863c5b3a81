// The JSON Schema of an event: one of all the types of the catalogue, told apart by `type`, for programs that are made of
// schemas. Types that are added later are not in it: who reads with it must expect them.
import { z } from '@hono/zod-openapi'
import { type CatalogueType, catalogueTypes, jsonSchema, schemaUrn } from '../event.ts'
import { eventForm } from './event-form.ts'

export function eventSchema(): object {
  const { $schema, properties, required } = z.toJSONSchema(eventForm, { io: 'input' }) as EnvelopeSchema
  const { data: _, type: __, dataschema: ___, ...attributes } = properties
  const oneOf = (type: CatalogueType) => ({
    title: type,
    type: 'object',
    properties: {
      ...attributes,
      type: { const: type },
      dataschema: { const: schemaUrn(type) },
      data: { $ref: `#/$defs/${type}` },
    },
    required: [...required, 'dataschema'],
  })
  return {
    $schema,
    $id: 'urn:postern:schema:event',
    title: 'event',
    description: 'An event of the catalogue: a CloudEvent 1.0, its data by its type',
    oneOf: catalogueTypes.map(oneOf),
    $defs: Object.fromEntries(
      catalogueTypes.map(type => [type, withoutIds(jsonSchema(type) as Record<string, unknown>)]),
    ),
  }
}

interface EnvelopeSchema {
  $schema: string
  properties: Record<string, object>
  required: string[]
}

/** Embedded: its references are to the whole. */
function withoutIds({ $schema: _, $id: __, ...schema }: Record<string, unknown>): object {
  return schema
}
