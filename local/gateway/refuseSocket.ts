import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { toWireError } from '../../lib/http/errorTable.ts'
import { answerRequestId } from '../../lib/http/requestId.ts'
import { noStore } from '../../lib/http/wireRequest.ts'
import { KmsError } from '../../lib/errors.ts'

export interface ErrorAnswer {
  readonly requestId: string
  /** What it answers. */
  readonly refusal: unknown
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** An error as every operation answers it (contract §7.1), for what never reaches one. */
export function errorAnswer(error: unknown, requestId?: string | readonly string[]): ErrorAnswer {
  const { status, body } = toWireError(error)
  const text = JSON.stringify(body)
  const answered = answerRequestId(randomBytes, typeof requestId === 'string' ? requestId : undefined)
  const headers = {
    'content-type': 'application/json',
    ...noStore,
    'content-length': String(Buffer.byteLength(text)),
    'opc-request-id': answered,
  }
  return { requestId: answered, refusal: error, status, headers, text }
}

/** What Node's parser refuses before there is a request. Undefined: nobody is left to be answered. */
export function refuseSocket(error: NodeJS.ErrnoException, socket: Socket): ErrorAnswer | undefined {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return undefined
  }
  const answer = errorAnswer(reasonOf(error))
  const { status, headers, text } = answer
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`)
  return answer
}

function reasonOf({ code }: NodeJS.ErrnoException): KmsError {
  if (code === 'HPE_HEADER_OVERFLOW') return new KmsError('headersTooLarge', 'The headers are too large.')
  if (code === 'HPE_INVALID_URL') {
    const text =
      'The path or the query has a character that none may have; write what is not printable ASCII as %XX, as it is signed.'
    return new KmsError('cannotParseRequest', text)
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new KmsError('cannotParseRequest', 'The request did not arrive whole in time.')
  }
  return new KmsError('cannotParseRequest', 'This is not an HTTP/1.1 request.')
}
