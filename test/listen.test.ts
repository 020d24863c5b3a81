// How a server ends: whoever has sent a request on a connection that is open is answered.
import { once } from 'node:events'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { listen } from '../src/server/listen.ts'

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('a request that arrived while the process was too busy to read it is answered before its connection is closed', async () => {
  const app = new Hono().get('/', context => context.text('here'))
  const limits = { headersTimeoutMs: 10_000, requestTimeoutMs: 30_000 }
  const server = await listen(app, { host: '127.0.0.1', port: 0, ...limits })
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let answers = ''
  socket.on('data', data => {
    answers += data
  })
  socket.write(request)
  await once(socket, 'data')
  const closed = server.close()
  socket.write(request)
  // Longer than the time that an idle connection is given.
  const until = performance.now() + 1_200
  while (performance.now() < until) {}
  await Promise.all([closed, once(socket, 'close')])
  expect(answers.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
})
