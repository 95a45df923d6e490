import type { IncomingMessage, ServerResponse } from 'node:http'
import { KmsError } from '../../lib/errors.ts'
import { errorAnswer, type ErrorAnswer } from './refuseSocket.ts'

/** How much, and for how long, a caller may go on sending who has been told that the body is too large. */
const maxDiscardedBytes = 1024 * 1024
const discardMs = 500

/**
 * The answer is out at once, but the connection ends only when the caller has stopped sending (or has gone on too long):
 * closing on unread bytes resets it, and many clients then never see the answer. Nor does it end before what the caller
 * had asked over it earlier is answered.
 */
export function refuseUnread(request: IncomingMessage, response: ServerResponse, refusal: KmsError): ErrorAnswer {
  let discarded = 0
  let timer: NodeJS.Timeout | undefined
  const isNext = () => response.socket !== null
  const limitTime = () => {
    request.resume()
    timer = setTimeout(() => request.destroy(), discardMs)
  }
  if (isNext()) limitTime()
  else response.once('socket', limitTime)
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded <= maxDiscardedBytes) return
    if (isNext()) request.destroy()
    else request.pause()
  })
  request.once('end', () => response.end())
  request.once('close', () => {
    clearTimeout(timer)
  })
  request.once('error', () => response.destroy())
  const answer = writeHead(request, response, refusal, lastOne)
  response.write(answer.text)
  return answer
}

/** Of a request that came whole. */
export function refuseWhole(request: IncomingMessage, response: ServerResponse, refusal: KmsError): ErrorAnswer {
  const answer = writeHead(request, response, refusal, lastOne)
  response.end(answer.text)
  return answer
}

/** The connection goes on. */
export function answerError(request: IncomingMessage, response: ServerResponse, cause: unknown): void {
  response.end(writeHead(request, response, cause).text)
}

const lastOne = { connection: 'close' }

function writeHead(
  request: IncomingMessage,
  response: ServerResponse,
  cause: unknown,
  more: Readonly<Record<string, string>> = {},
): ErrorAnswer {
  const answer = errorAnswer(cause, request.headers['opc-request-id'])
  response.writeHead(answer.status, { ...answer.headers, ...more })
  return answer
}

export function tooLarge(limit: number): KmsError {
  return new KmsError('payloadTooLarge', `A body here has at most ${limit} bytes.`)
}
