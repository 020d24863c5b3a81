// The URL of a gateway by where it listens.

/** `http://127.0.0.1:8080`; an IPv6 address stands in brackets, which `HOST` may have or not. */
export function localUrl(host: string, port: number): string {
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
