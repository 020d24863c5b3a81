// Names of sources and subscriptions: one that nobody has would read as a list without items, or as work that was done.
import { concealed, exit, Failure } from './command.ts'
import type { GatewayApi } from './gateway-api.ts'

export type Kind = 'source' | 'subscription'

/** Throws Failure `notFound`, which names those that there are. */
export async function assertKnown(api: GatewayApi, kind: Kind, name: string): Promise<void> {
  const names: string[] = []
  for await (const item of api.items(`/${kind}s`, {}, Number.POSITIVE_INFINITY)) {
    names.push((JSON.parse(item) as { name: string }).name)
  }
  if (names.includes(name)) return
  const others = names.length === 0 ? 'none' : names.join(', ')
  throw new Failure(exit.notFound, `There is no ${kind} ${concealed(name)}; there are: ${others}`)
}

/** Of a request that names one: what the gateway refuses for its name alone is `notFound`. */
export async function ofNamed<Value>(
  api: GatewayApi,
  kind: Kind,
  name: string | undefined,
  asked: Promise<Value>,
): Promise<Value> {
  try {
    return await asked
  } catch (error) {
    if (name !== undefined && error instanceof Failure && error.exit === exit.mistaken)
      await assertKnown(api, kind, name)
    throw error
  }
}
