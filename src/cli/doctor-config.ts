// What of a configuration is allowed, and still seldom what somebody wants; and secrets that are missing.
import type { Check } from '../checks/check.ts'
import type { Config } from '../config/config.ts'
import { type MintedSecrets, mintedSecrets, read, resolveSecrets } from '../config/resolve-secrets.ts'
import { secretUsesOf } from '../config/secret-uses.ts'
import { keyLengthMin, type Settings } from '../config/settings.ts'
import { isLoopback } from '../local-url.ts'
import { type Finding, ok, warn, wrong } from './findings.ts'

export function configFindings(settings: Settings, config: Config, env: NodeJS.ProcessEnv): Finding[] {
  return [
    ...secretFindings(settings, config, env),
    ...tokenFindings(settings, env),
    ...checkFindings(config),
    ...proxyFindings(config, env),
    ...urlFindings(settings, config),
  ]
}

function secretFindings(settings: Settings, config: Config, env: NodeJS.ProcessEnv): Finding[] {
  const uses = secretUsesOf(config)
  let minted: MintedSecrets | undefined
  try {
    minted = mintedSecrets(settings)
  } catch (error) {
    return [wrong('secrets', (error as Error).message, 'put the file right, or remove it for new ones')]
  }
  const findings = uses.flatMap(use => {
    const [problem] = resolveSecrets([use], env, minted)
    if (problem === undefined) return []
    const { name } = use.secret
    const what = `${use.setting}: the secret ${name}`
    if (env[name] || env[`${name}_FILE`])
      return [wrong('secrets', problem, 'put its variable right, or the file that its _FILE names')]
    return minted === undefined
      ? [wrong('secrets', `${what} is not set`, `set ${name}, or ${name}_FILE to the file that holds it`)]
      : [warn('secrets', `${what} is not there yet`, `a start in development makes it, and keeps it in ${minted.path}`)]
  })
  const count = new Set(uses.map(({ secret }) => secret.name)).size
  return findings.length > 0 ? findings : [ok('secrets', `all ${count} are there`)]
}

const tokenName = 'POSTERN_ADMIN_TOKEN'

function tokenFindings({ development, encryptionKey }: Settings, env: NodeJS.ProcessEnv): Finding[] {
  if (development) return []
  let token: string | undefined
  try {
    token = read(tokenName, env)
  } catch {
    // As if it were not set.
  }
  const findings: Finding[] = []
  if (token === undefined) findings.push(wrong('token', `${tokenName} is not set`, `set it, or ${tokenName}_FILE`))
  else if (token.length < keyLengthMin) {
    findings.push(wrong('token', `${tokenName} can be guessed`, `give it at least ${keyLengthMin} characters`))
  }
  if (encryptionKey === undefined) {
    const text = 'POSTERN_KEY is not set: what is kept sealed is sealed under the admin token'
    findings.push(warn('token', text, 'set POSTERN_KEY, so that the token can change and sealed secrets still open'))
  }
  return findings
}

function checkFindings({ sources }: Config): Finding[] {
  return Object.entries(sources).flatMap(([name, { check }]) => {
    if (check.kind === 'unverified') {
      return [warn('checks', `${name} takes what anybody sends`, `give sources.${name} a check, if its vendor has one`)]
    }
    if (!(check as Check<string>).weak) return []
    return [warn('checks', `${name} is checked by address alone`, 'add a secret by allOf: addresses can be shared')]
  })
}

function proxyFindings({ trustProxy, publicUrl, sources }: Config, env: NodeJS.ProcessEnv): Finding[] {
  const readsAddresses = Object.values(sources).some(({ check }) => /ip-allowlist/.test(JSON.stringify(kindsOf(check))))
  if (trustProxy === 'fly') {
    return env.FLY_APP_NAME === undefined
      ? [
          warn(
            'proxies',
            "trustProxy is 'fly', and this is no machine of Fly.io",
            'anybody can send Fly-Client-IP here: name your proxies',
          ),
        ]
      : [ok('proxies', 'addresses are those that Fly.io names')]
  }
  const open = (trustProxy ?? []).filter(network => /\/0$/.test(network))
  if (open.length > 0) {
    const text = `trustProxy has ${open.join(', ')}: whoever sends can choose their address`
    return [wrong('proxies', text, 'name the addresses of your own proxies alone')]
  }
  if ((trustProxy ?? []).length > 0) return [ok('proxies', `X-Forwarded-For counts from ${trustProxy!.join(', ')}`)]
  if (publicUrl?.startsWith('https:') !== true)
    return [ok('proxies', 'no proxy is trusted: addresses are those of connections')]
  const text =
    'the public URL is https, so a proxy stands before it, and trustProxy names none: every address is the proxy’s'
  const advice = 'name the proxy in trustProxy'
  return [
    readsAddresses ? wrong('proxies', `${text}, and an address is checked`, advice) : warn('proxies', text, advice),
  ]
}

function kindsOf(check: { kind: string; parts?: { checks: readonly Check<string>[] } | undefined }): unknown {
  return [check.kind, ...(check.parts?.checks ?? []).map(kindsOf)]
}

function urlFindings({ development }: Settings, { publicUrl }: Config): Finding[] {
  if (publicUrl === undefined || development) return []
  const { hostname, protocol } = new URL(publicUrl)
  if (isLoopback(hostname)) {
    return [wrong('public URL', `${publicUrl} is this machine alone`, 'set publicUrl to what vendors reach')]
  }
  if (protocol === 'http:') {
    return [warn('public URL', `${publicUrl} is not encrypted: secrets travel in the clear`, 'put TLS before it')]
  }
  return []
}
