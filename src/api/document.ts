// The route of the document. It takes no token: it says what everybody's copy of this program says.
import { z } from '@hono/zod-openapi'
import { openApiDocument } from './openapi.ts'
import { json } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'

const documentForm = z
  .looseObject({
    openapi: z.literal('3.1.0'),
    info: z.looseObject({ title: z.string(), version: z.string() }),
    paths: z.looseObject({}),
    components: z.looseObject({}),
  })
  .openapi('Document')

/** Of `routes` and itself. */
export function documentRoute(routes: readonly ApiRoute[], root: string): ApiRoute {
  let text: string | undefined
  const route: ApiRoute = defineRoute(
    {
      method: 'get',
      path: '/openapi.json',
      name: 'getDocument',
      tag: 'About the API',
      summary: 'This document',
      scope: null,
      etag: true,
      answers: {
        200: {
          description: 'OpenAPI 3.1',
          schema: documentForm,
          example: { openapi: '3.1.0', info: { title: 'Postern', version: '1' }, paths: {}, components: {} },
        },
      },
    },
    () => {
      // Made when it is first asked for, which takes a tenth of a second.
      text ??= JSON.stringify(
        openApiDocument(
          [...routes, route].map(({ definition }) => definition),
          root,
        ),
      )
      return json(text)
    },
  )
  return route
}
