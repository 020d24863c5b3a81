// Entity tags, for programs that keep a copy: what has not changed since is not sent again.

/** The answer with its tag; 304 without a body where `ifNoneMatch` names it. */
export async function tagged(response: Response, ifNoneMatch: string | undefined): Promise<Response> {
  if (response.status !== 200) return response
  const body = new Uint8Array(await response.arrayBuffer())
  const headers = new Headers(response.headers)
  // Not by this thread: a body may be large.
  const digest = await crypto.subtle.digest('SHA-256', body)
  const tag = `"${Buffer.from(digest).toString('base64url').slice(0, 22)}"`
  headers.set('etag', tag)
  if (!matchesTag(ifNoneMatch, tag)) return new Response(body, { headers })
  headers.delete('content-type')
  headers.delete('content-disposition')
  return new Response(null, { status: 304, headers })
}

/** Compared weakly: what stands between may have marked it so when it packed the body. */
function matchesTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch.split(',').some(each => each.trim() === '*' || each.trim().replace(/^W\//, '') === tag)
}
