import { Agent, createServer, request as requestOver, type IncomingMessage, type ServerResponse } from 'node:http'
import { KmsError } from '../../lib/errors.ts'
import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import { listenPrivately, socketPath } from '../privateSocket.ts'
import type { Peer } from '../startRegion.ts'
import type { InboxGate } from './inboxGate.ts'

/** Where a region takes messages from the others on this machine. */
function socketName(region: string): string {
  return `regions/${region}.sock`
}

export function peerSocketPath(directory: string, region: string): string {
  return socketPath(directory, socketName(region))
}

/** The queues that another region may send to. */
const queueNames: readonly QueueName[] = ['inbox', 'outcome']
/** Ten messages of the largest size, with room for JSON's escapes. */
const maxBytes = 6 * 1024 * 1024
const path = (name: QueueName) => `/queues/${name}`

/** Why a message is not taken: it was not sent to this region by one that it knows. */
export type Judge = (body: string) => Promise<void>

/**
 * Takes `POST /queues/inbox` and `/queues/outcome`: a JSON array of messages. 204 once all are durable, 400 or 403 where
 * one is none or comes from nobody known; then none is stored. Resolves with what closes it.
 */
export async function serveInbox(
  directory: string,
  region: string,
  queues: Peer,
  judge: Judge,
  gate: Pick<InboxGate, 'pass'>,
): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    void take(request, queues, judge, gate).then(
      (status) => response.writeHead(status).end(),
      (cause: unknown) => {
        answerFailure(response, cause)
      },
    )
  })
  const close = await listenPrivately(server, directory, socketName(region))
  return async () => {
    server.closeAllConnections()
    await close()
  }
}

/** What the sender did wrong, or what keeps this region from storing. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

function answerFailure(response: ServerResponse, cause: unknown): void {
  const status = cause instanceof Refusal ? cause.status : 503
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' })
  response.end(cause instanceof Error ? cause.message : String(cause))
}

async function take(
  request: IncomingMessage,
  queues: Peer,
  judge: Judge,
  gate: Pick<InboxGate, 'pass'>,
): Promise<number> {
  const name = queueNames.find((each) => request.url === path(each))
  if (name === undefined || request.method !== 'POST') throw new Refusal(404, 'There is no such queue.')
  const messages = messagesIn(await bodyOf(request))
  for (const { body } of messages) {
    await judge(body).catch((cause: unknown) => {
      throw new Refusal(403, cause instanceof Error ? cause.message : String(cause), { cause })
    })
  }
  await gate.pass(() => queues.send(name, messages))
  return 204
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw new Refusal(413, `At most ${maxBytes} bytes at once.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function messagesIn(text: string): readonly QueueMessage[] {
  const refusal = new Refusal(400, 'The body is a JSON array of messages.')
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw refusal
  }
  if (!Array.isArray(list) || !list.every(isMessage)) throw refusal
  return list
}

function isMessage(value: unknown): value is QueueMessage {
  return typeof value === 'object' && value !== null && 'body' in value && typeof value.body === 'string'
}

/** A region of another process on this machine. */
export class PeerSocket implements Peer {
  readonly #region: string
  readonly #socketPath: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })

  constructor(directory: string, region: string) {
    this.#region = region
    this.#socketPath = peerSocketPath(directory, region)
  }

  send(name: QueueName, messages: readonly QueueMessage[]): Promise<void> {
    return new Promise((sent, failed) => {
      const fail = (cause: unknown) => {
        failed(new Error(`${this.#region} cannot be reached.`, { cause }))
      }
      const request = requestOver(
        { socketPath: this.#socketPath, agent: this.#agent, method: 'POST', path: path(name), timeout: answerMs },
        (response) => {
          reasonOf(response).then((reason) => {
            if (response.statusCode === 204) sent()
            else failed(refusal(`${this.#region} answers ${response.statusCode ?? 0}: ${reason}`, response.statusCode))
          }, fail)
        },
      )
      request.once('error', fail)
      request.once('timeout', () => request.destroy(new Error(`No answer within ${answerMs} ms.`)))
      request.end(JSON.stringify(messages))
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** What the sender did wrong says nothing about whether the region can be reached. */
function refusal(text: string, status = 0): Error {
  return status >= 400 && status < 500 ? new KmsError('invalidParameter', text) : new Error(text)
}

/** Whoever sends gives up sooner; this only ends what nobody waits for any more. */
const answerMs = 30_000

async function reasonOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) text += part
  return text.slice(0, 300)
}
