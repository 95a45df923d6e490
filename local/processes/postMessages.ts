import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { KmsError } from '../../lib/errors.ts'
import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import { queuePath } from './inbox.ts'

/** A request of node:http or node:https, to one region. */
export type RequestTo = (options: RequestOptions, answered: (response: IncomingMessage) => void) => ClientRequest

/** Resolves when all messages are durable in the region. @throws where they are not, or it is not known. */
export function postMessages(
  region: string,
  requestTo: RequestTo,
  name: QueueName,
  messages: readonly QueueMessage[],
): Promise<void> {
  return new Promise((sent, failed) => {
    const fail = (cause: unknown) => {
      failed(new Error(`${region} cannot be reached.`, { cause }))
    }
    const request = requestTo({ method: 'POST', path: queuePath(name), timeout: answerMs }, (response) => {
      reasonOf(response).then((reason) => {
        if (response.statusCode === 204) sent()
        else failed(refusal(`${region} answers ${response.statusCode ?? 0}: ${reason}`, response.statusCode))
      }, fail)
    })
    request.once('error', fail)
    request.once('timeout', () => request.destroy(new Error(`No answer within ${answerMs} ms.`)))
    request.end(JSON.stringify(messages))
  })
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
