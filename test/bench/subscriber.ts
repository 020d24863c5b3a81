// A subscriber that costs little: it reads each request from its socket, notes when and which, and answers at once, or
// never where its first argument says so. Told 'times' it hands over when each event was received.
import { type AddressInfo, createServer } from 'node:net'

const silent = process.argv[2] === 'silent'
const answer = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n')
let count = 0
let times: [id: string, at: number][] = []

const server = createServer(socket => {
  let received = ''
  socket.setNoDelay(true).setEncoding('latin1')
  socket.on('error', () => {})
  socket.on('data', (text: string) => {
    received += text
    for (;;) {
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = received.slice(0, end)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (received.length < end + 4 + length) return
      received = received.slice(end + 4 + length)
      count++
      times.push([/webhook-id: (\S+)/i.exec(head)?.[1] ?? '', performance.timeOrigin + performance.now()])
      if (!silent) socket.write(answer)
    }
  })
})

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('message', (message: 'count' | 'times' | 'forget') => {
  if (message === 'count') process.send?.({ count })
  if (message === 'times') process.send?.({ times })
  if (message === 'forget') {
    count = 0
    times = []
    process.send?.({ count })
  }
})
process.on('disconnect', () => process.exit(0))
