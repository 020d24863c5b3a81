// RFC 9457 problems for programs that hold a token: with a code, and what is wrong with which parameter.
import { z } from '@hono/zod-openapi'
import { AppError, type ErrorCode, type ErrorDetail, errorStatus } from '../errors.ts'
import { apiCodes } from './problem-list.ts'

export const problemType = 'application/problem+json'

export const problemForm = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.number().int(),
    code: z.enum(apiCodes),
    detail: z.string(),
    errors: z
      .array(
        z.object({
          parameter: z.string().optional().meta({ description: 'a parameter of the query, or a header' }),
          pointer: z.string().optional().meta({ description: 'a member of the body (RFC 6901)' }),
          detail: z.string(),
          position: z
            .string()
            .optional()
            .meta({ description: 'of `position_gone`: where to read on from, as `after`' }),
        }),
      )
      .meta({ description: 'what is wrong, each at its place' }),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problemForm>

const titles: Partial<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export function problemOf(code: ErrorCode, detail: string, errors: readonly ErrorDetail[] = []): Problem {
  const status = errorStatus[code]
  return { type: 'about:blank', title: titles[status] ?? 'Error', status, code, detail, errors: [...errors] }
}

export function problemResponse(
  code: ErrorCode,
  detail: string,
  errors: readonly ErrorDetail[] = [],
  headers: Record<string, string> = {},
): Response {
  const body = problemOf(code, detail, errors)
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { 'content-type': problemType, ...(body.status === 503 ? { 'retry-after': '5' } : {}), ...headers },
  })
}

/** An error of ours as a problem; one that was not expected says nothing of itself. */
export function errorResponse(error: unknown): Response {
  return error instanceof AppError && error.code !== 'internal'
    ? problemResponse(error.code, error.message, error.errors)
    : problemResponse('internal', 'something went wrong here: the log has more')
}
