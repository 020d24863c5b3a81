// A source's URL for the vendor's console, and what of a URL may be shown: path tokens are secrets.
import type { Source } from './ingest/source.ts'

const hidden = '***'

/** The URL to paste into the vendor's console, its path token included, without a slash at its end. */
export function payloadUrl(source: Source, publicUrl: string): string {
  const token = pathTokenOf(source)
  return `${entranceUrl(source.name, publicUrl)}${token === undefined ? '' : `/${encodeURIComponent(token)}`}`
}

/** The token that the source's URL carries; undefined where it carries none, or none is set. */
export function pathTokenOf({ check, hasPathToken }: Source): string | undefined {
  if (!hasPathToken) return undefined
  return check?.sign?.({ method: 'POST', rest: '', query: '', headers: {}, body: '{}' }, { now: 0 })?.pathToken
}

/** Whether a URL is this source's, under its name or its former one, whatever its token and what follows. */
export function leadsTo(source: Source, publicUrl: string, url: string): boolean {
  return entranceOf(source, publicUrl, url) !== undefined
}

/** The URL as it may be printed: of this source's all but the token, of any other its host. */
export function shownUrl(source: Source, publicUrl: string, url: string): string {
  if (url === '') return ''
  const entrance = entranceOf(source, publicUrl, url)
  if (entrance === undefined) return URL.canParse(url) ? `${new URL(url).origin}/…` : '…'
  const { pathname } = new URL(url)
  const rest = pathname.slice(new URL(entrance).pathname.length)
  return `${entrance}${source.hasPathToken ? rest.replace(/^\/[^/]+/, `/${hidden}`) : rest}`
}

/** As far as the source's name, where the URL is this source's. */
function entranceOf(source: Source, publicUrl: string, url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, pathname } = new URL(url)
  return [source.name, source.identity]
    .map(name => new URL(entranceUrl(name, publicUrl)))
    .find(entrance => entrance.origin === origin && `${pathname}/`.startsWith(`${entrance.pathname}/`))?.href
}

function entranceUrl(name: string, publicUrl: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/hooks/${name}`
}
