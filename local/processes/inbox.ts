import type { IncomingMessage, ServerResponse } from 'node:http'
import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import type { Peer } from '../region/region.ts'
import type { InboxGate } from './inboxGate.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** The queues that another region may send to. */
const queueNames: readonly QueueName[] = ['inbox', 'outcome']
/** Ten messages of the largest size, with room for JSON's escapes. */
const maxBytes = 6 * 1024 * 1024
export const queuePath = (name: QueueName) => `/queues/${name}`

/** Why a message is not taken: it was not sent to this region by one that it knows. */
export type Judge = (body: string) => Promise<void>

export interface Inbox {
  readonly queues: Peer
  readonly judge: Judge
  readonly gate: Pick<InboxGate, 'pass'>
  /** Whether the region serves: until then it takes messages, and says of itself that it does not answer. */
  readonly serves: () => boolean
}

/**
 * Takes `POST /queues/inbox` and `/queues/outcome`: a JSON array of messages. 204 once all are durable, 400 or 403 where
 * one is none or comes from nobody known; then none is stored.
 */
export function answerInbox(request: IncomingMessage, response: ServerResponse, inbox: Inbox): void {
  void take(request, inbox).then(
    (status) => response.writeHead(status).end(),
    (cause: unknown) => {
      answerFailure(response, cause)
    },
  )
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

async function take(request: IncomingMessage, { queues, judge, gate, serves }: Inbox): Promise<number> {
  const name = queueNames.find((each) => request.url === queuePath(each))
  if (name === undefined || request.method !== 'POST') throw new Refusal(404, 'There is no such queue.')
  const messages = messagesIn(await bodyOf(request))
  // Sent by a peer's GET /healthz alone.
  if (messages.length === 0 && !serves()) throw new Error('It does not listen for its clients yet.')
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
    list = parseJson(text)
  } catch {
    throw refusal
  }
  if (!Array.isArray(list) || !list.every(isMessage)) throw refusal
  return list
}

function isMessage(value: unknown): value is QueueMessage {
  return typeof value === 'object' && value !== null && 'body' in value && typeof value.body === 'string'
}
