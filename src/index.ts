// What users import as `postern`.

export type {
  Adapter,
  ApiOptions,
  Draft,
  InboundRequest,
  Normalised,
  SourceDefinition,
  SourceOptions,
} from './adapter.ts'
export { apiKey } from './checks/api-key.ts'
export { basic } from './checks/basic.ts'
export { bearer } from './checks/bearer.ts'
export type { Check, Verdict } from './checks/check.ts'
export { allOf, anyOf, unverified } from './checks/combine.ts'
export { type HmacOptions, hmac } from './checks/hmac.ts'
export { ipAllowlist } from './checks/ip-allowlist.ts'
export { jwt } from './checks/jwt.ts'
export { oidc } from './checks/oidc.ts'
export { pathToken } from './checks/path-token.ts'
export { type Config, defineConfig, env, type Limits, type Subscription } from './config/config.ts'
export {
  type Handler,
  type HandlerContext,
  type HandlerLog,
  type LazyHandler,
  lazy,
  type Vendor,
} from './config/handler.ts'
export { type HttpAuth, type HttpDestination, type HttpOptions, type HttpTls, http } from './config/http.ts'
export { type Secret, type SecretLike, secret } from './config/secret.ts'
export type { BreakerOptions, RetryOptions, SubscriptionOptions } from './config/subscription-options.ts'
export { type ChatOptions, slack } from './delivery/destinations/slack.ts'
export { teams } from './delivery/destinations/teams.ts'
export type { EventOf } from './event.ts'
