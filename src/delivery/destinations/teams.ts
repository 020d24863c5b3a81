// Events as adaptive cards to a Microsoft Teams webhook (Workflows: "when a webhook request is received").
// The webhook's URL is its secret.
import type { HttpDestination } from '../../config/http.ts'
import type { Envelope } from '../../event.ts'
import { summaryOf } from './event-summary.ts'
import type { ChatOptions } from './slack.ts'

/** A destination: each event as a card in a Teams channel. The webhook's URL may be a `secret(…)`. */
export function teams(options: ChatOptions): HttpDestination {
  return { ...options, kind: 'http', format: 'teams' }
}

/** The post as JSON. Text runs know no Markdown: what is in a value stays text. */
export function teamsText(event: Envelope): string {
  const { title, facts } = summaryOf(event)
  const line = (...inlines: object[]) => ({ type: 'RichTextBlock', inlines })
  const run = (text: string, more: object = {}) => ({ type: 'TextRun', text, ...more })
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    fallbackText: title,
    body: [
      line(run(title, { weight: 'Bolder', size: 'Medium' })),
      ...facts.map(([label, value]) => line(run(`${label}: `, { weight: 'Bolder' }), run(value))),
    ],
  }
  const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }
  return JSON.stringify({ type: 'message', attachments: [attachment] })
}
