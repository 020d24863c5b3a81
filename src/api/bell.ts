// Wakes one loop that waits for any of several things; what rings while nobody waits is not lost.

export class Bell {
  #hasRung = false
  #answer: (() => void) | undefined

  /** May be handed on as a listener. */
  readonly ring = (): void => {
    this.#hasRung = true
    this.#answer?.()
  }

  /** Resolves when it has rung since the last time. One at a time may wait. */
  async rung(): Promise<void> {
    if (!this.#hasRung) {
      await new Promise<void>(resolve => {
        this.#answer = resolve
      })
    }
    this.#hasRung = false
    this.#answer = undefined
  }
}
