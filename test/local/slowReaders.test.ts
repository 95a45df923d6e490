import { connect } from 'node:net'
import { HttpGateway } from '../../local/gateway/httpGateway.ts'

/** What answers cost whose callers do not read them. */

const unused = () => new Promise<never>(() => undefined)
/** More than the system takes of it. */
const body = 'x'.repeat(32 * 1024 * 1024)

test('a caller who does not read an answer loses the connection, and the service its bytes', async () => {
  const { promise: called, resolve: isCalled } = Promise.withResolvers<undefined>()
  const slow = new HttpGateway({
    functions: {
      vault: async () => {
        setImmediate(isCalled, undefined)
        return { statusCode: 200, headers: {}, body }
      },
      keys: unused,
      crypto: unused,
      identity: unused,
      audit: unused,
    },
    health: async () => ({}),
    maxFileBytes: 100_000,
    onError: () => undefined,
    isOwnHost: () => true,
    writeTimeoutMs: 50,
  })
  const at = await slow.listen(0, '127.0.0.1')
  const socket = connect(at, '127.0.0.1')
  let read = 0
  socket.on('error', () => undefined)
  socket.write('GET /20180608/vaults HTTP/1.1\r\nhost: a\r\n\r\n')
  // In one process the service's timer comes first. What the system has taken by then can still be read.
  await called
  await new Promise((resolve) => setTimeout(resolve, 500))
  await new Promise((resolve) => socket.on('data', (part: Buffer) => (read += part.length)).once('close', resolve))
  await slow.close()
  expect(read).toBeLessThan(body.length)
})

test('beyond so many unread bytes the oldest unread answer loses its connection, and the others stay', async () => {
  const full = new HttpGateway({
    functions: {
      vault: async () => ({ statusCode: 200, headers: {}, body }),
      keys: unused,
      crypto: unused,
      identity: unused,
      audit: unused,
    },
    health: async () => ({}),
    maxFileBytes: 100_000,
    onError: () => undefined,
    isOwnHost: () => true,
    maxUnreadBytes: 70 * 1024 * 1024,
  })
  const at = await full.listen(0, '127.0.0.1')
  const asked = async () => {
    const socket = connect(at, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET /20180608/vaults HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
    await new Promise((resolve) => socket.once('readable', resolve))
    return socket
  }
  const sockets = [await asked(), await asked(), await asked()]
  const read = await Promise.all(
    sockets.map(async (socket) => {
      let bytes = 0
      socket.on('data', (part: Buffer) => (bytes += part.length))
      await new Promise((resolve) => socket.once('close', resolve))
      return bytes
    }),
  )
  await full.close()
  expect(read.map((bytes) => bytes > body.length)).toEqual([false, true, true])
})
