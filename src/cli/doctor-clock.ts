// Whether this machine's clock agrees with others': signatures with a timestamp are refused where it does not.
import type { Settings } from '../config/settings.ts'
import { isLoopback } from '../local-url.ts'
import { type Finding, ok, warn, wrong } from './findings.ts'

const warnMs = 2_000
/** Most vendors' tolerance is some minutes. */
const wrongMs = 60_000
const timeoutMs = 5_000

/** `isAsked`: whether somebody named the URL: then it has to answer. */
export async function clockFindings(
  { database }: Settings,
  url: string | undefined,
  isAsked: boolean,
): Promise<Finding[]> {
  const findings = database.engine === 'postgres' ? await ofDatabase(database.url) : []
  if (url !== undefined && (isAsked || !isLoopback(new URL(url).hostname)))
    findings.push(...(await ofServer(url, isAsked)))
  if (findings.length === 0)
    findings.push(ok('clock', 'there is nothing to compare it with: --time-url names a server'))
  return findings
}

async function ofServer(url: string, isAsked: boolean): Promise<Finding[]> {
  const begun = Date.now()
  try {
    const { headers } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
    const date = Date.parse(headers.get('date') ?? '')
    if (Number.isNaN(date))
      return isAsked ? [warn('clock', `${url} does not say what time it is`, 'name another server')] : []
    // It is cut to the second, and of some moment between.
    const off = Math.max(0, begun - (date + 1_000), date - Date.now())
    return [compared(off, new URL(url).host)]
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } }
    return isAsked ? [warn('clock', `${url} does not answer: ${cause?.code ?? message}`, 'name another server')] : []
  }
}

async function ofDatabase(url: string): Promise<Finding[]> {
  const { Database } = await import('../store/postgres/database.ts')
  const database = new Database({ url, poolMax: 1, timeoutMs })
  try {
    await database.call('select 1')
    const begun = Date.now()
    const [row] = await database.call<{ now: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
    )
    return [compared(Math.max(0, begun - row!.now, row!.now - Date.now()), 'the database')]
  } catch {
    // That it does not answer is told where the database is looked at.
    return []
  } finally {
    await database.close()
  }
}

function compared(offMs: number, other: string): Finding {
  if (offMs < warnMs) return ok('clock', `it agrees with that of ${other}`)
  const text = `it is ${Math.round(offMs / 1000)} s off that of ${other}`
  const advice = 'run an NTP client on both: signatures with a timestamp are refused where clocks differ'
  return offMs < wrongMs ? warn('clock', text, advice) : wrong('clock', text, advice)
}
