// Whether a gateway answers, here and by the URL that vendors are given.
import type { Settings } from '../config/settings.ts'
import { localUrl } from '../local-url.ts'
import { type Finding, ok, warn, wrong } from './findings.ts'

const timeoutMs = 5_000

interface Look {
  /** Whether what answers is a gateway of ours. */
  ours: boolean
  text: string
}

export async function reachFindings({ host, port }: Settings, publicUrl: string | undefined): Promise<Finding[]> {
  const local = localUrl(/^(0\.0\.0\.0|::|\[::\])$/.test(host) ? '127.0.0.1' : host, port)
  const here = await look(`${local}/livez`)
  const findings: Finding[] = []
  if (here.ours) findings.push(await readiness(local))
  else findings.push(warn('gateway', `none answers at ${local}: ${here.text}`, 'start it: postern start'))
  if (publicUrl === undefined || new URL(publicUrl).origin === local) return findings
  const base = publicUrl.replace(/\/$/, '')
  const there = await look(`${base}/livez`)
  if (there.ours) findings.push(ok('public URL', `the gateway answers at ${base}`))
  else {
    const text = `no gateway answers at ${base}: ${there.text}`
    const advice = 'look at the DNS name, the proxy and its TLS certificate; from here it may differ from outside'
    // Without one here the cause is plain.
    findings.push(here.ours ? wrong('public URL', text, advice) : warn('public URL', text, advice))
  }
  return findings
}

async function readiness(local: string): Promise<Finding> {
  try {
    const response = await fetch(`${local}/readyz`, { signal: AbortSignal.timeout(timeoutMs) })
    const { problem, degraded } = (await response.json()) as { problem?: string; degraded?: string }
    if (!response.ok) {
      return wrong(
        'gateway',
        `it answers at ${local}, and takes nothing in: ${problem ?? 'not ready'}`,
        'look at its log',
      )
    }
    if (degraded !== undefined)
      return warn('gateway', `it answers at ${local}, and is ${degraded}`, 'look at its database')
    return ok('gateway', `it answers at ${local}, and is ready`)
  } catch (error) {
    return wrong(
      'gateway',
      `it answers at ${local}, and not whether it is ready: ${(error as Error).message}`,
      'look at its log',
    )
  }
}

async function look(url: string): Promise<Look> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' })
    const body = (await response.json().catch(() => ({}))) as { status?: string }
    const ours = response.ok && body.status === 'live'
    return { ours, text: ours ? '' : `something else does, with ${response.status}` }
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
    return { ours: false, text: cause?.code ?? cause?.message ?? message }
  }
}
