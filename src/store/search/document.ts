// What of an event is searched, as one row of words: its identifiers and types, the names and texts of its data, and the
// words of its payload where its source wants that. The payload is what is kept: what was redacted is not in it.
import { eventId } from '../record.ts'
import { impliedLengthMax } from './question.ts'
import { textLengthMax, wordText } from './words.ts'

/** Bytes of a request's body that are searched, at the most. */
export const payloadBytesMax = 65_536
/** Words of one event; an engine knows no more places. */
const wordsMax = 16_000
/** Characters of data that have room for all of their words, though one sign may be several. */
const surelyWhole = 2_000

export interface SearchedEvent {
  sequence: number
  id: Uint8Array
  kind: number
  source: string
  vendor: string
  type: string
  vendortype: string
  subject: string | null
  vendorid: string | null
  data: string
}

export interface Payload {
  /** Its beginning: see `payloadBytesMax`. */
  body: Uint8Array
  query: string | null
  /** JSON, as a request keeps them. */
  headers: string
}

/** A word that no text has, so that a search may go by the kind of events too. */
export function kindWord(kind: number): string {
  return `=${kind}`
}

/** Words with one space between two of them. */
export function documentOf(event: SearchedEvent, payload?: Payload): string {
  const { id, kind, source, vendor, type, vendortype, subject, vendorid, data } = event
  const texts = [eventId(id), vendorid, subject, source, vendor, type, vendortype, ...refsOf(data)]
  const words = [
    kindWord(kind),
    ...texts.map(text => (text === null ? '' : wordText(text))),
    wordText(unescaped(data)),
    payload === undefined ? '' : wordText(payloadText(payload)),
  ]
  return bounded(words.filter(each => each !== '').join(' '))
}

/** By refs one looks for events: they are never what is cut off, and none of them crowds out another. */
function refsOf(data: string): string[] {
  if (data.length <= surelyWhole) return []
  const { refs } = JSON.parse(data) as { refs: Record<string, string> }
  return Object.values(refs).map(value => value.slice(0, impliedLengthMax))
}

function bounded(words: string): string {
  // Most have not as many characters.
  if (words.length < wordsMax) return words
  const all = words.split(' ')
  return all.length > wordsMax ? all.slice(0, wordsMax).join(' ') : words
}

function payloadText({ body, query, headers }: Payload): string {
  if (body.length === 0) return formText(Buffer.from(query ?? ''))
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (/x-www-form-urlencoded/i.test(headers)) return formText(bytes)
  const text = bytes.toString('utf8')
  return /^\s*[[{"]/.test(text) ? unescaped(text) : text
}

/** The text of JSON as people read it. It need not be whole. */
function unescaped(json: string): string {
  const text = json.slice(0, 2 * textLengthMax)
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, code?: string, sign?: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
    return 'bfnrt'.includes(sign!) ? ' ' : sign!
  })
}

/** What is escaped there are bytes of UTF-8. */
function formText(form: Buffer): string {
  const bytes = form
    .toString('latin1')
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
