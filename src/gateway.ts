// Builds the parts of one process and joins them. Tests start it as main does, with their own clock and log.
import { auditor } from './api/auditing.ts'
import { Authenticator } from './api/authenticator.ts'
import { cursorKey } from './api/cursor.ts'
import { Readers, type ReadersParts } from './api/readers.ts'
import { type Chance, type Clock, systemChance, systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './config/config-error.ts'
import { mintedSecrets, type NamedUse, resolveSecrets } from './config/resolve-secrets.ts'
import { Secret } from './config/secret.ts'
import { secretUsesOf } from './config/secret-uses.ts'
import { keyLengthMin, type Settings } from './config/settings.ts'
import { specsOf } from './config/subscriptions.ts'
import { validateConfig } from './config/validate.ts'
import { vendorApiSpecs } from './config/vendor-api.ts'
import { createEgress } from './delivery/egress.ts'
import { keepInStep } from './delivery/in-step.ts'
import { deliveryThread } from './delivery/thread.ts'
import { AppError } from './errors.ts'
import { clientAddress } from './ingest/address.ts'
import { alerts } from './ingest/alerts.ts'
import { InFlight } from './ingest/body.ts'
import { receiver } from './ingest/receive.ts'
import { Rejections } from './ingest/rejections.ts'
import { sealedBox } from './ingest/sealed-box.ts'
import { type Source, sourceOf } from './ingest/source.ts'
import { localUrl } from './local-url.ts'
import { type Log, openLog } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import { scraper } from './observe/scrape.ts'
import { SpoolMetrics } from './observe/spool-metrics.ts'
import { openStore } from './open-store.ts'
import { Announcer } from './own-events.ts'
import { startRetention } from './retention.ts'
import { type AppParts, adminApp, adminRoutes, entranceApp } from './server/app.ts'
import { type Listening, listen } from './server/listen.ts'
import type { SpooledStore, Store, StoreHealth } from './store/store.ts'

export interface GatewayOptions {
  settings: Settings
  config: Config
  env?: NodeJS.ProcessEnv
  clock?: Clock
  chance?: Chance
  log?: Log
  /** The file that `config` was loaded from: handlers are loaded from it again, where they run. */
  configPath?: string
  /** How those who wait for news are treated, and by which timers. */
  readers?: Pick<ReadersParts, 'limits' | 'timers'>
}

export interface Gateway {
  url: string
  adminUrl: string
  publicUrl: string
  token: string
  sources: readonly Source[]
  store: Store
  log: Log
  /** Once it is closed: entries that stay in the spool. */
  readonly left: number
  /** No new requests; what has begun is committed and answered; then everything is closed. */
  close(): Promise<void>
}

const tokenName = 'POSTERN_ADMIN_TOKEN'
/** Bytes of refused requests' bodies that are held at once. */
const refusedBytesMax = 32 * 1024 * 1024
const healthForMs = 1_000
const beginAgainMs = 1_000
/** How long attempts that are under way may take when the gateway ends. */
const attemptsMayEndMs = 5_000

/** Throws ConfigError where settings, configuration or secrets are wrong, AppError where the store cannot be opened. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const ends = new AsyncDisposableStack()
  try {
    return await start(options, ends)
  } catch (error) {
    // Why it could not start is what people need to know.
    await ends.disposeAsync().catch(() => {})
    throw error
  }
}

/** `ends`: how each part ends, which is done in the reverse order. */
async function start(
  {
    settings,
    config,
    env = process.env,
    clock = systemClock,
    chance = systemChance,
    log = openLog({ level: settings.logLevel }),
    configPath = settings.configPath ?? '',
    readers: readersOptions = {},
  }: GatewayOptions,
  ends: AsyncDisposableStack,
): Promise<Gateway> {
  validateConfig(config)
  const tokens = resolveAll(settings, config, env, chance)
  const [token] = tokens
  const sources = Object.entries(config.sources).map(([name, definition]) => sourceOf(name, definition))
  warnOfWeakChecks(sources, log)
  if (token.length < keyLengthMin) log.warn({}, `${tokenName} has fewer than ${keyLengthMin} characters`)
  const specs = specsOf(config)
  const byName = new Map(sources.map(source => [source.name, source]))
  for (const source of sources) if (source.identity !== source.name) byName.set(source.identity, source)

  const metrics = new Metrics(sources.map(({ name }) => name))
  const limits = config.limits ?? {}
  const box = sealedBox(settings.encryptionKey ?? token, chance)
  const rejectionLimits = {
    countMax: limits.rejectionsMax ?? 200,
    bytesMax: limits.rejectionBytesMax ?? 64 * 1024 * 1024,
  }
  const spoolMetrics = settings.spool && new SpoolMetrics(metrics.registry)
  const { store, spooled } = await openStore(settings, {
    observer: {
      committed: (size, elapsedMs) => metrics.committed(size, elapsedMs),
      warned: message => log.warn({}, message),
    },
    spoolObserver: spoolMetrics,
    rejectionLimits,
    leaseMs: limits.leaseMs,
    search: settings.search ? { payloadOf: searchedPayloads(sources) } : undefined,
    clock,
    log,
  })
  ends.defer(() => log.flush())
  ends.defer(() => store.close())
  const authenticator = new Authenticator({
    store,
    adminTokens: tokens,
    namesOf(source) {
      const { name, identity } = byName.get(source) ?? { name: source, identity: source }
      return name === identity ? [name] : [name, identity]
    },
    clock,
    log,
  })
  ends.defer(() => authenticator.settled())
  const announcer = new Announcer({ append: store.append, clock, log })
  ends.defer(() => announcer.close())
  const watch = { metrics, alerts: alerts({ announcer, clock }) }
  const rejections = new Rejections({ store, box, limits: rejectionLimits, clock, chance, log })
  ends.defer(() => rejections.settled())
  const addressOf = clientAddress(config.trustProxy)
  const receive = receiver({
    sources: byName,
    store,
    rejections,
    inFlight: new InFlight(limits.bodyBytesInFlightMax ?? 128 * 1024 * 1024),
    refusedInFlight: new InFlight(Math.min(refusedBytesMax, limits.bodyBytesInFlightMax ?? refusedBytesMax)),
    addressOf,
    clock,
    log,
    ...watch,
  })
  const retention = startRetention({ store, sources, days: config.retentionDays ?? 90, clock, log })
  ends.defer(() => retention.stop())
  const delivery = deliveryThread(
    store,
    {
      specs,
      configPath,
      sealingKey: settings.encryptionKey ?? token,
      egressAllow: config.egress?.allow ?? [],
      vendorApis: vendorApiSpecs(config),
    },
    { enabled: settings.delivers, log },
  )
  let isStarted = false
  ends.defer(() => delivery.close(isStarted ? attemptsMayEndMs : 0))
  const servers: Listening[] = []
  ends.defer(async () => {
    await Promise.all(servers.map(server => server.close()))
  })
  const readers = new Readers({ store, log, ...readersOptions })
  // Before the servers: requests that wait would hold up their end.
  ends.defer(() => readers.close())
  const address = {
    headersTimeoutMs: limits.headersTimeoutMs ?? 10_000,
    requestTimeoutMs: limits.requestTimeoutMs ?? 30_000,
  }
  const health = remembered(() => store.health(), clock)
  const parts: AppParts = {
    store,
    readers,
    secondLook: { store, box, sources: byName, log, ...watch },
    cursorKey: cursorKey(token),
    authenticate: authenticator.authenticate,
    isLive: principal => authenticator.isLive(principal),
    audited: auditor({ store, addressOf, clock, chance, log }),
    publicUrl: config.publicUrl ?? localUrl(settings.host, settings.port),
    control: delivery,
    announcer,
    box,
    egress: createEgress({ allowPrivate: false, allow: config.egress?.allow ?? [] }),
    clock,
    chance,
    receive,
    health,
    scrape: scraper({
      metrics,
      store,
      health,
      clock,
      deliveries: store.deliveries,
      deliveryText: delivery.metrics,
      spool: spooled && spoolMetrics && { state: spooled.spool, metrics: spoolMetrics },
    }),
  }
  const ending = new AbortController()
  ends.defer(() => ending.abort())
  if (settings.delivers) {
    const begin = async () => {
      await keepInStep({ store, specs, revision: config.revision, clock, log })
      const rows = await store.deliveries.subscriptions()
      if (rows.some(({ removedAt }) => removedAt === null)) await delivery.start()
    }
    if (spooled === undefined) await begin()
    else await beginOrWait(begin, spooled, ending.signal, log)
  }
  const { receives, admin } = settings
  const entrance = entranceApp(parts, { bare: admin !== undefined, receives })
  if (admin === undefined) adminRoutes(entrance, parts)
  servers.push(await listen(entrance, { ...address, host: settings.host, port: settings.port }))
  if (admin !== undefined) servers.push(await listen(adminApp(parts), { ...address, ...admin }))
  isStarted = true
  const [first, second = first] = servers
  return {
    url: first!.url,
    adminUrl: second!.url,
    publicUrl: config.publicUrl ?? first!.url,
    token,
    sources,
    store,
    log,
    get left() {
      return spooled?.left ?? 0
    },
    close: () => ends.disposeAsync(),
  }
}

/** With a spool the gateway starts though the database is away: the delivery begins when it is there. */
async function beginOrWait(begin: () => Promise<void>, store: SpooledStore, ending: AbortSignal, log: Log) {
  const start = Promise.withResolvers<void>()
  let isStarted = false
  const goOn = () => {
    isStarted = true
    start.resolve()
  }
  const tryUntilBegun = async () => {
    await store.ready
    while (!ending.aborted) {
      try {
        return await begin()
      } catch (error) {
        if (!(error instanceof AppError) || !error.retryable) throw error
        goOn()
        await new Promise<void>(resolve => setTimeout(resolve, beginAgainMs).unref())
      }
    }
  }
  tryUntilBegun().then(goOn, error => {
    if (isStarted && !ending.aborted) log.error({ err: error }, 'the delivery could not begin')
    start.reject(error)
  })
  // Where it spools already nobody knows for how long.
  if ((await store.health()).degraded !== undefined) goOn()
  return start.promise
}

/** Resolves every secret and returns the admin token, and while a rotation lasts the one before it. */
function resolveAll(
  settings: Settings,
  config: Config,
  env: NodeJS.ProcessEnv,
  chance: Chance,
): readonly [string, ...string[]] {
  const token = new Secret(tokenName)
  const uses: NamedUse[] = [...secretUsesOf(config), { secret: token, kind: 'text', setting: 'the inbox API' }]
  const minted = mintedSecrets(settings, chance)
  const problems = resolveSecrets(uses, env, minted)
  // Where one develops it is only warned of.
  if (!settings.development && token.resolved && token.values()[0]!.length < keyLengthMin) {
    problems.push(`${tokenName}: expected at least ${keyLengthMin} characters`)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return token.values() as readonly [string, ...string[]]
}

/** What a renamed source received before stands under its old name. */
function searchedPayloads(sources: readonly Source[]): string[] {
  return sources.flatMap(({ name, identity, options }) => (options.search === 'payload' ? [name, identity] : []))
}

function warnOfWeakChecks(sources: readonly Source[], log: Log): void {
  for (const { name, unverified, check } of sources) {
    if (unverified !== undefined) {
      log.warn({ source: name, why: unverified.why }, 'this source takes requests that nobody has checked')
    } else if (check?.weak) {
      log.warn({ source: name }, 'this source is checked by address alone, which is as good as the network between')
    }
  }
}

/** The store's health costs a flush: strangers may ask for it as often as they like. */
function remembered(ask: () => Promise<StoreHealth>, clock: Clock): () => Promise<StoreHealth> {
  let last: { at: number; health: Promise<StoreHealth> } | undefined
  return () => {
    const now = clock.now()
    if (last === undefined || now - last.at >= healthForMs || now < last.at) last = { at: now, health: ask() }
    return last.health
  }
}
