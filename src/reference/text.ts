// Pieces of HTML: whatever is put into them is escaped.
import { html } from 'hono/html'

export type Html = ReturnType<typeof html>

/** A text with `code` in it. */
export function words(text: string): Html {
  const pieces = text.split('`')
  return html`${pieces.map((piece, at) => (at % 2 === 1 ? html`<code>${piece}</code>` : piece))}`
}

export function paragraphs(text: string): Html {
  return html`${text.split('\n\n').map(each => html`<p>${words(each)}</p>`)}`
}

/** A value as indented JSON, a text as it is. */
export function shown(value: unknown): Html {
  return html`<pre><code>${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</code></pre>`
}
