import { fork } from 'node:child_process'
import {
  createCipheriv,
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { load } from './generator.ts'

/** What no server can leave out of an Encrypt, µs of processor time a request, measured on this machine in this run. */
export interface Floor {
  readonly verify: number
  readonly gcm: number
  readonly derive: number
  readonly http: number
  readonly whole: number
}

export async function measureFloor(): Promise<Floor> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const message = Buffer.alloc(400, 7)
  const signature = sign('sha256', message, privateKey)
  const key = createSecretKey(randomBytes(32))
  const parts = {
    verify: micros(() => verify('sha256', message, publicKey, signature)),
    gcm: micros(() => {
      const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12))
      cipher.update(message.subarray(0, 32))
      cipher.final()
      cipher.getAuthTag()
    }),
    derive: micros(() => createHmac('sha256', key).update(message.subarray(0, 48)).digest()),
    http: await bareHttp(),
  }
  const { verify: verified, gcm, derive, http } = parts
  return { ...parts, whole: verified + gcm + derive + http }
}

function micros(work: () => unknown): number {
  const rounds = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    for (let i = 0; i < 4000; i += 1) work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 4000
  })
  return Math.min(...rounds)
}

const seconds = 3

/** Node's own server in a process of its own, which reads a request like an Encrypt and answers as much. */
async function bareHttp(): Promise<number> {
  const child = fork(import.meta.filename, ['serve'])
  const [port] = (await once(child, 'message')) as [number]
  const headers = { authorization: 'x'.repeat(900), 'x-content-sha256': 'x'.repeat(44), date: new Date().toUTCString() }
  const body = JSON.stringify({ keyId: 'x'.repeat(110), plaintext: 'x'.repeat(44) })
  const requests = [{ method: 'POST', path: '/20180608/encrypt', headers, body }]
  const asked = { url: `http://127.0.0.1:${port}`, connections: 16, requests }
  await load({ ...asked, seconds: 1 })
  child.send('reset')
  const { answered } = await load({ ...asked, seconds })
  child.send('cpu')
  const [cpu] = (await once(child, 'message')) as [number]
  child.kill()
  return cpu / answered
}

function serve(): void {
  const answer = JSON.stringify({ ciphertext: 'x'.repeat(200), keyId: 'x'.repeat(110), keyVersionId: 'x'.repeat(120) })
  const server = createServer((request, response) => {
    request.on('data', () => undefined)
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      response.end(answer)
    })
  })
  let since = process.cpuUsage()
  process.on('message', (what) => {
    if (what === 'reset') since = process.cpuUsage()
    else {
      const { user, system } = process.cpuUsage(since)
      process.send?.(user + system)
    }
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

if (process.argv[2] === 'serve' && process.send !== undefined) serve()
