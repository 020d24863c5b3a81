// A URL of several hosts, as libpq takes it: postgres://user@one:5432,two:5432/name. Whoever cannot work with one of
// them turns to the next: a server that is gone, or a standby, which takes no writes.

import { urlsOf } from '../../postgres-url.ts'

export class Hosts {
  readonly #urls: readonly string[]
  #at = 0

  /** Throws TypeError where it is no URL. */
  constructor(url: string) {
    this.#urls = urlsOf(url)
  }

  get url(): string {
    return this.#urls[this.#at]!
  }

  /** Away from `failed`, unless somebody has turned away from it already. Returns whether there is another one. */
  turnFrom(failed: string): boolean {
    if (this.#urls.length === 1) return false
    if (this.url === failed) this.#at = (this.#at + 1) % this.#urls.length
    return true
  }
}
