// What an attempt carries: the event in the form that the destination asked for.
import { toEvent } from '../../store/record.ts'
import type { KeptRequest } from '../../store/store.ts'
import type { Attempt } from '../destination.ts'
import type { Format } from '../subscription.ts'
import { slackText } from './slack.ts'
import { teamsText } from './teams.ts'

export interface Content {
  type: string
  bytes: Buffer
}

export function contentOf(format: Format, attempt: Attempt): Content {
  switch (format) {
    case 'slack':
      return { type: 'application/json; charset=utf-8', bytes: Buffer.from(slackText(toEvent(attempt.event))) }
    case 'teams':
      return { type: 'application/json; charset=utf-8', bytes: Buffer.from(teamsText(toEvent(attempt.event))) }
    case 'original':
      // Where the request is no longer kept, the event is all there is.
      if (attempt.request !== undefined) return original(attempt.request)
      break
    case 'cloudevent':
      break
  }
  return { type: 'application/cloudevents+json; charset=utf-8', bytes: Buffer.from(attempt.json) }
}

/** The vendor's bytes; of a request without a body its query, which was all that it said. */
function original({ headers, body, query }: KeptRequest): Content {
  if (body.length === 0 && query !== '') return { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(query) }
  const named = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  // As a header it must be one line of Latin-1; a vendor's may have been anything.
  const type = named !== undefined && /^[\t\x20-\x7e\x80-\xff]+$/.test(named) ? named : 'application/octet-stream'
  return { type, bytes: body }
}
