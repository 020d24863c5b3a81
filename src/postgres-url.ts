// URLs of PostgreSQL with several hosts, as libpq takes them: postgres://user@one:5432,two:5432/name.

/** One URL for each host. Throws TypeError where it is no such URL. */
export function urlsOf(url: string): string[] {
  const [, scheme, credentials = '', hosts, rest] = /^(postgres(?:ql)?:\/\/)(.*@)?([^/?]*)(.*)$/.exec(url) ?? []
  if (scheme === undefined) throw new TypeError('no URL of PostgreSQL')
  const urls = hosts!.split(',').map(host => `${scheme}${credentials}${host}${rest}`)
  for (const each of urls) if (!URL.canParse(each)) throw new TypeError('no URL of PostgreSQL')
  return urls
}

/** What may be shown of it: hosts and database, neither user nor password nor options. */
export function shownUrl(url: string): string {
  const urls = urlsOf(url).map(each => new URL(each))
  return `postgres://${urls.map(({ host }) => host).join(',')}${urls[0]!.pathname}`
}
