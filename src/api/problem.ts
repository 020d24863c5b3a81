// RFC 9457 problems for programs that hold a token: with a code, and what is wrong with which parameter.
import { AppError, type ErrorCode, type ErrorDetail, errorStatus } from '../errors.ts'

const titles: Partial<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export function problemResponse(
  code: ErrorCode,
  detail: string,
  errors: readonly ErrorDetail[] = [],
  headers: Record<string, string> = {},
): Response {
  const status = errorStatus[code]
  const body = { type: 'about:blank', title: titles[status] ?? 'Error', status, code, detail, errors }
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 ? { 'retry-after': '5' } : {}),
      ...headers,
    },
  })
}

/** An error of ours as a problem; one that was not expected says nothing of itself. */
export function errorResponse(error: unknown): Response {
  return error instanceof AppError && error.code !== 'internal'
    ? problemResponse(error.code, error.message, error.errors)
    : problemResponse('internal', 'something went wrong here: the log has more')
}
