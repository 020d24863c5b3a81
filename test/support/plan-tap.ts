// Listens in between a program and PostgreSQL for the plans of all that it asks, also inside the server's own functions
// and from its other threads: the server's auto_explain sends each as a notice.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { queryOnce, type TestDatabase } from './postgres.ts'

export interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  Plans?: PlanNode[]
}

export interface HeardPlan {
  'Query Text': string
  Plan: PlanNode
}

export interface PlanTap {
  /** The same database, by way of the tap. */
  readonly url: string
  readonly plans: HeardPlan[]
  close(): Promise<void>
}

const settings = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_format': 'json',
  'auto_explain.log_level': 'notice',
  'auto_explain.log_parameter_max_length': '0',
}

/** For connections that are made from now on; `also`: further settings of the database. */
export async function explainAll({ name, url }: TestDatabase, also: Readonly<Record<string, string>> = {}) {
  for (const [setting, value] of Object.entries({ ...settings, ...also })) {
    await queryOnce(url, `alter database ${name} set ${setting} = '${value}'`)
  }
}

export async function startPlanTap({ url }: TestDatabase): Promise<PlanTap> {
  const target = new URL(url)
  const plans: HeardPlan[] = []
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(Number(target.port), target.hostname)
    const hear = noticesOf(message => {
      const at = message.indexOf('plan:\n')
      if (at >= 0) plans.push(JSON.parse(message.slice(at + 6)) as HeardPlan)
    })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    upstream.on('data', hear)
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const own = new URL(url)
  own.port = String((server.address() as AddressInfo).port)
  return {
    url: own.href,
    plans,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Takes what a server sends: after one byte for its kind and four for its length each message says what it is. */
function noticesOf(heard: (message: string) => void): (bytes: Buffer) => void {
  let kept: Buffer = Buffer.alloc(0)
  return bytes => {
    kept = kept.length === 0 ? bytes : Buffer.concat([kept, bytes])
    let at = 0
    while (kept.length >= at + 5 && kept.length >= at + 1 + kept.readUInt32BE(at + 1)) {
      const end = at + 1 + kept.readUInt32BE(at + 1)
      if (kept[at] === 0x4e) heard(messageOf(kept.subarray(at + 5, end)))
      at = end
    }
    kept = kept.subarray(at)
  }
}

/** Of a notice's fields, each a letter and a text that ends with zero, the message. */
function messageOf(fields: Buffer): string {
  for (const field of fields.toString('utf8').split('\0')) if (field.startsWith('M')) return field.slice(1)
  return ''
}
