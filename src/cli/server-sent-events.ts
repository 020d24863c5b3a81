// A stream of server-sent events taken apart (HTML standard, 9.2.6), as far as the inbox's streams go. Unlike most
// parsers it minds an id without data: that is how far a stream has looked.

export class ServerSentEvents {
  /** What to come again with. */
  lastEventId: string
  #rest = ''
  #data: string[] = []
  #id: string

  constructor(lastEventId: string) {
    this.lastEventId = this.#id = lastEventId
  }

  /** The data of the events that are whole now. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    const events: string[] = []
    for (const line of lines.map(each => each.replace(/\r$/, ''))) {
      if (line === '') {
        this.lastEventId = this.#id
        if (this.#data.length > 0) events.push(this.#data.join('\n'))
        this.#data = []
      } else if (line.startsWith('data:')) this.#data.push(line.slice(5).replace(/^ /, ''))
      else if (line.startsWith('id:')) this.#id = line.slice(3).trim()
    }
    return events
  }
}
