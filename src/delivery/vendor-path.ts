// Where a call to a vendor's API may go: below its base URL and nowhere else, whatever text of an event became part of
// the path, since the credentials go with it.

export const vendorBodyBytesMax = 16 * 1024 * 1024
const pathLengthMax = 8 * 1024

/** The URL of `path` below `baseUrl`. Throws TypeError where it is no path, or would lead elsewhere. */
export function vendorUrl(baseUrl: string, path: string): URL {
  const refuse = (why: string) => new TypeError(`expected a path below the API's base URL, ${why}`)
  if (path.length > pathLengthMax) throw refuse(`got one of ${path.length} characters`)
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) throw refuse('got a whole URL')
  if (/^[/\\]{2}/.test(path)) throw refuse('got one that begins with a host')
  // URL parsers drop some of these and take others for a slash.
  if (/[\\\s\p{Cc}]/u.test(path)) throw refuse('got one with blanks, backslashes or control characters')
  const [before = ''] = path.split(/[?#]/, 1)
  // Some servers take off what follows a `;` before they go up.
  if (before.split(/\/|%2f|%5c/i).some(segment => /^(\.|%2e){1,2}(;|%3b|$)/i.test(segment)))
    throw refuse('got one with `.` or `..` in it')
  const base = new URL(baseUrl)
  const folder = base.pathname.replace(/\/$/, '')
  const url = new URL(`${base.origin}${folder}${/^([/?#]|$)/.test(path) ? '' : '/'}${path}`)
  if (url.origin !== base.origin || !`${url.pathname}/`.startsWith(`${folder}/`))
    throw refuse('got one that leads elsewhere')
  url.hash = ''
  return url
}
