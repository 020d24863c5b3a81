// A stream of server-sent events taken apart (HTML standard, 9.2.6), as far as the inbox's go. Unlike the parsers there
// are it minds an id without data: that is how far the gateway has looked, and where to go on from.

export interface Block {
  /** Undefined for a block that is no event. */
  data: string | undefined
  /** What to come again with, once this block has been dealt with. */
  id: string | undefined
}

export class ServerSentEvents {
  #rest = ''
  #hasCr = false
  #data: string[] = []
  #id: string | undefined

  /** The blocks that are whole now. */
  push(text: string): Block[] {
    const blocks: Block[] = []
    // A line that CR has ended may have LF as the rest of its end.
    const given = this.#hasCr && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') this.#hasCr = text.endsWith('\r')
    const lines = (this.#rest + given).split(/\r\n|\r|\n/)
    this.#rest = lines.pop()!
    for (const line of lines) {
      if (line === '') {
        blocks.push({ data: this.#data.length > 0 ? this.#data.join('\n') : undefined, id: this.#id })
        this.#data = []
      } else {
        const [, field, value] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line)!
        if (field === 'data') this.#data.push(value!)
        // One with a NUL is to be ignored, says the standard.
        else if (field === 'id' && !value!.includes('\0')) this.#id = value!
      }
    }
    return blocks
  }
}
