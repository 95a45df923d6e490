import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { maxWaiting } from '../../local/gateway/connectionTurns.ts'
import { UnreadAnswers } from '../../local/gateway/unreadAnswers.ts'
import { HttpGateway } from '../../local/gateway/httpGateway.ts'
import type { HttpEvent } from '../../lib/http/wireRequest.ts'
import { until } from '../harness/until.ts'

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
    isOwnHost: (host) => host !== 'elsewhere',
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

test('behind a refusal that ends the connection nothing is begun', async () => {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  const ended = once(socket, 'close')
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => (text += part))
  socket.write(get('/refused').replace(`localhost:${port}`, 'elsewhere') + get('/behind'))
  await ended
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404'])
  expect(paths()).toEqual([])
})

test('an answer is not lost behind a body that is too large', async () => {
  const tooLarge = `POST /20180608/encrypt HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-length: 999999999\r\n\r\n`
  const { socket, text } = await pipelined('/first')
  const ended = once(socket, 'close')
  await until(() => begun.length === 1)
  socket.write(tooLarge)
  // Longer than anybody may go on sending who has been refused.
  await setTimeout(700)
  begun[0]?.answer()
  await ended
  expect(text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 413'])
})

test('what waits when a region is told to refuse is refused', async () => {
  const { socket, text } = await pipelined('/1', '/2')
  const ended = once(socket, 'close')
  await until(() => begun.length === 1)
  gateway.stand('refuse')
  begun[0]?.answer()
  await ended
  expect(text().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 503'])
  expect(paths()).toEqual(['/1'])
})

test('an answer to somebody who has gone takes nothing of what others may leave unread', () => {
  const responses = [1, 2].map(() => new ServerResponse(new IncomingMessage(new Socket())))
  const [honest, gone] = responses
  if (honest === undefined || gone === undefined) throw new Error('There are two.')
  gone.destroy()
  const unread = new UnreadAnswers({ maxBytes: 10, maxMs: 60_000 })
  unread.add(honest, 8)
  unread.add(gone, 8)
  expect(honest.destroyed).toBe(false)
})
