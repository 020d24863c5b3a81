// The bench's source with subscriptions: SUBSCRIBERS are the URLs of HTTP ones, HANDLERS how many handlers there are.
import { defineConfig, http } from 'postern'
import { banclo } from 'postern/adapters'
import { secret, signatureHeader } from './requests.ts'

const urls = (process.env.SUBSCRIBERS ?? '').split(' ').filter(url => url !== '')
const order = process.env.ORDER === 'subject' ? 'subject' : 'none'
const signing = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

export default defineConfig({
  sources: {
    banclo: banclo({ check: banclo.signature({ secret, covers: 'raw-body', header: signatureHeader }) }),
  },
  subscriptions: {
    ...Object.fromEntries(
      urls.map((url, index) => [
        `http-${index}`,
        {
          types: ['*'] as const,
          order: order as 'none' | 'subject',
          start: process.env.START === 'beginning' ? ('beginning' as const) : ('now' as const),
          to: http({ url, secret: signing }),
        },
      ]),
    ),
    ...Object.fromEntries(
      Array.from({ length: Number(process.env.HANDLERS ?? 0) }, (_, index) => [
        `handler-${index}`,
        {
          types: ['*'] as const,
          // What it is given is used, and nothing else is done.
          to: (event: { id: string }) => {
            if (event.id === '') throw new Error('an event without an id')
          },
        },
      ]),
    ),
  },
})
