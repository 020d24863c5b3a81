// The URL of a gateway by where it listens, and which hosts are this machine alone.

/** `http://127.0.0.1:8080`; an IPv6 address stands in brackets, which `HOST` may have or not. */
export function localUrl(host: string, port: number): string {
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}

/** Of a URL's host, or of what `HOST` says. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|::1|\[::1\])$/.test(host)
}
