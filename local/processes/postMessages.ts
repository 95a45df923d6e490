import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { KmsError } from '../../lib/errors.ts'
import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import { queuePath } from './inbox.ts'

/** A request of node:http or node:https, to one region. */
export type RequestTo = (options: RequestOptions, answered: (response: IncomingMessage) => void) => ClientRequest

/** Resolves when all messages are durable in the region. @throws where they are not, or it is not known. */
export async function postMessages(
  region: string,
  requestTo: RequestTo,
  name: QueueName,
  messages: readonly QueueMessage[],
): Promise<void> {
  const { status, text } = await post(region, requestTo, queuePath(name), messages)
  if (status !== 204) throw refusal(`${region} answers ${status}: ${text.slice(0, 300)}`, status)
}

/** Whoever sends gives up sooner; this only ends what nobody waits for any more. */
const answerMs = 30_000

/** @throws where the region cannot be reached. */
export function post(
  region: string,
  requestTo: RequestTo,
  path: string,
  body: unknown,
  timeout = answerMs,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((answered, failed) => {
    const fail = (cause: unknown) => {
      failed(new Error(`${region} cannot be reached.`, { cause }))
    }
    const request = requestTo({ method: 'POST', path, timeout }, (response) => {
      textOf(response).then((text) => {
        answered({ status: response.statusCode ?? 0, text })
      }, fail)
    })
    request.once('error', fail)
    request.once('timeout', () => request.destroy(new Error(`No answer within ${timeout} ms.`)))
    request.end(JSON.stringify(body))
  })
}

/** What the sender did wrong says nothing about whether the region can be reached. */
function refusal(text: string, status = 0): Error {
  return status >= 400 && status < 500 ? new KmsError('invalidParameter', text) : new Error(text)
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: string[] = []
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) parts.push(part)
  return parts.join('')
}
