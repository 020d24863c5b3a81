// What every error of the API must be: an RFC 9457 problem with a code, and the parameter or pointer that is wrong.
import { expect } from 'vitest'
import type { Answer } from './http.ts'

export interface Problem {
  title: string
  status: number
  code: string
  detail: string
  errors: { parameter?: string; pointer?: string; position?: string; detail: string }[]
}

/** The problem that `answer` must be; `at` is the parameter, or the pointer, that its first error must name. */
export function expectProblem(answer: Answer, status: number, code: string, at?: string): Problem {
  expect([answer.status, answer.headers['content-type']], answer.text).toEqual([status, 'application/problem+json'])
  expect(answer.json).toEqual({
    type: 'about:blank',
    title: expect.stringMatching(/^[A-Z][a-z]+( [A-Z][a-z]+)*$/),
    status,
    code,
    detail: expect.stringMatching(/./),
    errors: expect.any(Array),
  })
  const problem = answer.json as Problem
  for (const error of problem.errors) {
    const { detail, position, ...place } = error
    expect(detail).toMatch(/./)
    if (code === 'position_gone') expect(position).toMatch(/^\d{16}$/)
    else expect(position).toBeUndefined()
    expect(Object.keys(place)).toHaveLength(1)
    expect(Object.values(place)).toEqual([expect.any(String)])
  }
  if (at !== undefined) expect(problem.errors.map(({ parameter, pointer }) => parameter ?? pointer)).toContain(at)
  return problem
}
