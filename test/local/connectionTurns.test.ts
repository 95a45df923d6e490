import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { maxWaiting } from '../../local/gateway/connectionTurns.ts'
import { HttpGateway } from '../../local/gateway/httpGateway.ts'
import type { HttpEvent } from '../../lib/http/wireRequest.ts'

/** What a function does with each path: nothing until it is told to answer. */
const begun: { readonly path: string; readonly answer: () => void }[] = []
/** Answered at once, without leaving the turn of the event loop, as by tables that answer at once. */
let isQuick = false
/** Turns of the event loop so far, as each request saw them. */
let turns = 0
const turnsSeen: number[] = []
const ok = (path: string) => ({ statusCode: 200, headers: {}, body: path })

const serve = ({ rawPath }: HttpEvent) => {
  turnsSeen.push(turns)
  if (isQuick) return Promise.resolve(ok(rawPath))
  return new Promise<ReturnType<typeof ok>>((resolve) => {
    const answer = () => {
      resolve(ok(rawPath))
    }
    begun.push({ path: rawPath, answer })
  })
}

let gateway: HttpGateway
let port: number
const sockets: Socket[] = []

beforeEach(async () => {
  begun.length = 0
  turnsSeen.length = 0
  isQuick = false
  gateway = new HttpGateway({
    functions: { vault: serve, keys: serve, crypto: serve, identity: serve, audit: serve },
    health: async () => ({}),
    maxFileBytes: 100_000,
    onError: () => undefined,
    isOwnHost: () => true,
  })
  port = await gateway.listen(0, '127.0.0.1')
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await gateway.close()
})

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\n\r\n`

/** A connection over which all of it is sent at once, and what has come back. */
async function pipelined(...paths: readonly string[]): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => (text += part))
  await once(socket, 'connect')
  socket.write(paths.map(get).join(''))
  return { socket, text: () => text }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}

const paths = () => begun.map(({ path }) => path)

test('a request begins when the one before it on its connection is answered, whatever other connections do', async () => {
  const first = await pipelined('/1', '/2', '/3')
  await until(() => begun.length === 1)
  await pipelined('/other')
  await until(() => begun.length === 2)
  expect(paths()).toEqual(['/1', '/other'])
  begun[0]?.answer()
  await until(() => begun.length === 3)
  begun[2]?.answer()
  await until(() => begun.length === 4)
  begun[3]?.answer()
  await until(() => first.text().endsWith('/3'))
  expect(paths()).toEqual(['/1', '/other', '/2', '/3'])
  expect(first.text().match(/\/[123]$|\/[12](?=HTTP)/gm)).toEqual(['/1', '/2', '/3'])
})

test('the event loop turns between two requests of a connection, also where each is answered at once', async () => {
  isQuick = true
  const count = () => {
    turns += 1
    if (sockets.length > 0) setImmediate(count)
  }
  const { text } = await pipelined(...Array.from({ length: 20 }, (_, index) => `/${index}`))
  count()
  await until(() => text().endsWith('/19'))
  expect(new Set(turnsSeen).size).toBe(20)
})

test(`behind ${maxWaiting} that wait the next is refused and the last that is read`, async () => {
  const { socket, text } = await pipelined(...Array.from({ length: maxWaiting + 2 }, (_, index) => `/${index}`))
  const ended = once(socket, 'close')
  for (let index = 0; index <= maxWaiting; index++) {
    await until(() => begun.length > index)
    begun[index]?.answer()
  }
  await ended
  expect(text().match(/HTTP\/1\.1 \d+/g)).toEqual([
    ...Array.from({ length: maxWaiting + 1 }, () => 'HTTP/1.1 200'),
    'HTTP/1.1 429',
  ])
  expect(text()).toContain('read the answers first')
})

test('what waits on a connection that has gone does not begin', async () => {
  const { socket } = await pipelined('/1', '/2')
  await until(() => begun.length === 1)
  socket.destroy()
  await pipelined('/after')
  await until(() => begun.length === 2)
  begun[0]?.answer()
  const { text } = await pipelined('/last')
  await until(() => begun.length === 3)
  begun[2]?.answer()
  await until(() => text().endsWith('/last'))
  expect(paths()).toEqual(['/1', '/after', '/last'])
})
