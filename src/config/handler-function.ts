// From a configuration to the function that a subscription names: where handlers run, and in tests of them.
import type { Config } from './config.ts'
import type { Handler, LazyHandler } from './handler.ts'

/** Throws an Error that names the setting where there is no function. */
export async function functionOf({ subscriptions = {} }: Config, name: string): Promise<Handler> {
  const at = `subscriptions.${name}.to`
  const to: unknown = Object.hasOwn(subscriptions, name) ? subscriptions[name]?.to : undefined
  if (to === undefined) throw new Error(`${at}: the configuration file has no such subscription any more`)
  if (typeof to === 'function') return to as Handler
  if (!isLazy(to)) throw new Error(`${at}: expected a function or lazy(() => import(…)), and it is neither any more`)
  try {
    return await loaded(to)
  } catch (error) {
    throw new Error(`${at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The module's default export. Throws where that is no function. */
export async function loaded<Function>({ load }: LazyHandler<Function>): Promise<Function> {
  const { default: handler } = (await load()) as { default?: unknown }
  if (typeof handler !== 'function') {
    throw new TypeError(`expected the module's default export to be a function, got ${typeof handler}`)
  }
  return handler as Function
}

function isLazy(to: unknown): to is LazyHandler {
  return typeof to === 'object' && to !== null && (to as { kind?: unknown }).kind === 'lazy'
}
