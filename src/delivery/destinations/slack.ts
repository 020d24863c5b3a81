// Events as posts to a Slack incoming webhook. The webhook's URL is its secret.
import type { HttpDestination, HttpOptions } from '../../config/http.ts'
import type { Envelope } from '../../event.ts'
import { summaryOf } from './event-summary.ts'

/** What `http()` takes, but for what Slack does not want: a format, a signature, credentials. */
export type ChatOptions = Omit<HttpOptions, 'url' | 'format' | 'secret' | 'auth'> & Pick<HttpDestination, 'url'>

/** A destination: each event as a post to a Slack incoming webhook, whose URL may be a `secret(…)`. */
export function slack(options: ChatOptions): HttpDestination {
  return { ...options, kind: 'http', format: 'slack' }
}

/** Fields of one section; Slack refuses a post with more. */
const fieldsMax = 10
const headerLengthMax = 150

/** The post as JSON: a header, the facts as fields, and a text for notifications. */
export function slackText(event: Envelope): string {
  const { title, facts } = summaryOf(event)
  const sections: object[] = []
  for (let at = 0; at < facts.length; at += fieldsMax) {
    const fields = facts.slice(at, at + fieldsMax).map(([label, value]) => ({
      type: 'mrkdwn',
      text: `*${label}*\n${escaped(value)}`,
      // Nothing in it becomes a link by its looks.
      verbatim: true,
    }))
    sections.push({ type: 'section', fields })
  }
  const header = { type: 'header', text: { type: 'plain_text', text: fitting(title, headerLengthMax), emoji: false } }
  return JSON.stringify({
    text: escaped(title),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [header, ...sections],
  })
}

/** Slack's own three: with them nobody is mentioned and nothing is linked that we did not mean to. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Escaped, and no longer than that: a post whose header is too long is refused whole. */
function fitting(text: string, lengthMax: number): string {
  const characters = [...text]
  let shown = escaped(text)
  while (shown.length > lengthMax) {
    characters.pop()
    shown = `${escaped(characters.join(''))}…`
  }
  return shown
}
