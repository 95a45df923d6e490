import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { toWireError } from '../lib/http/errorTable.ts'
import type { HttpFunction } from '../lib/http/httpFunction.ts'
import { matchRoute, routes, type FunctionName } from '../lib/http/routes.ts'
import { maxBodyBytes, type HttpEvent, type HttpResponse } from '../lib/http/wireRequest.ts'
import { KmsError } from '../lib/kms/errors.ts'

export interface GatewayOptions {
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>
  /** The answer to GET /healthz. */
  readonly health: () => Promise<object>
  readonly onError: (cause: unknown) => void
}

/** The HTTP API of one region: the same functions behind every port, told apart by the Host header. */
export class HttpGateway {
  readonly #options: GatewayOptions
  readonly #servers = new Map<number, Server>()

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** Port 0 takes any free one. Resolves with the port. @throws the system's error where the port is taken. */
  async listen(port: number, host: string): Promise<number> {
    const server = createServer(
      { keepAliveTimeout: 65_000, requestTimeout: 30_000, headersTimeout: 15_000 },
      (request, response) => {
        this.#answer(request, response)
      },
    )
    server.on('clientError', refuse)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
    server.on('error', this.#options.onError)
    const actual = (server.address() as AddressInfo).port
    this.#servers.set(actual, server)
    return actual
  }

  /** Sockets are reset, as when a region is lost. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values()]
    this.#servers.clear()
    await Promise.all(
      servers.map((server) => {
        const closed = new Promise((resolve) => server.close(resolve))
        server.closeAllConnections()
        return closed
      }),
    )
  }

  /** Lets running requests finish, then closes. */
  async drain(): Promise<void> {
    for (const server of this.#servers.values()) server.closeIdleConnections()
    const isQuiet = Promise.all(
      [...this.#servers.values()].map((server) => new Promise((resolve) => server.close(resolve))),
    )
    await Promise.race([isQuiet, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
    await this.close()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBodyBytes) chunks.push(chunk)
      else if (!response.headersSent) {
        const refusal = toWireError(new KmsError('payloadTooLarge', `A body has at most ${maxBodyBytes} bytes.`))
        // A moment to read the answer; what the caller goes on sending is thrown away.
        response.once('finish', () => setTimeout(() => request.destroy(), 200).unref())
        write(
          response,
          refusal.status,
          { 'content-type': 'application/json', connection: 'close' },
          JSON.stringify(refusal.body),
        )
      }
    })
    request.on('end', () => {
      if (response.headersSent) return
      const [only] = chunks
      const body = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)
      this.#dispatch(request, response, body).catch((cause: unknown) => {
        this.#options.onError(cause)
        response.destroy()
      })
    })
    request.on('error', () => response.destroy())
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const target = request.url ?? '/'
    if (request.method === 'GET' && target === '/healthz') {
      write(response, 200, { 'content-type': 'application/json' }, JSON.stringify(await this.#options.health()))
      return
    }
    const event = toEvent(request, target, body)
    const match = matchRoute(event.requestContext.http.method, event.rawPath)
    // Paths that no operation has are answered by the vault function, as the HTTP API's default route does.
    const serves = typeof match === 'string' ? 'vault' : routes[match.operation].serves
    const { statusCode, headers, body: text }: HttpResponse = await this.#options.functions[serves](event)
    write(response, statusCode, headers, text)
  }
}

function write(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  headers['content-length'] = String(Buffer.byteLength(body))
  response.writeHead(status, headers)
  response.end(body)
}

/** The event of an API Gateway HTTP API (payload 2.0); path and query stay exactly as they came over the wire. */
function toEvent(request: IncomingMessage, target: string, body: Buffer): HttpEvent {
  const question = target.indexOf('?')
  const text = body.toString('utf8')
  // Bytes that are no UTF-8 would not survive as text, and the signature covers the bytes.
  const isText = Buffer.byteLength(text) === body.length && !text.includes('\ufffd')
  return {
    rawPath: question < 0 ? target : target.slice(0, question),
    rawQueryString: question < 0 ? '' : target.slice(question + 1),
    headers: request.headers as Record<string, string>,
    ...(body.length === 0 ? {} : { body: isText ? text : body.toString('base64') }),
    isBase64Encoded: body.length > 0 && !isText,
    requestContext: { http: { method: request.method ?? 'GET', sourceIp: request.socket.remoteAddress ?? '' } },
  }
}

/** What Node refuses before there is a request. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const { status, body } = toWireError(
    isTooLarge
      ? new KmsError('headersTooLarge', 'The headers are too large.')
      : new KmsError('cannotParseRequest', 'This is not an HTTP/1.1 request.'),
  )
  const text = JSON.stringify(body)
  socket.end(
    `HTTP/1.1 ${status} ${isTooLarge ? 'Request Header Fields Too Large' : 'Bad Request'}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  )
}
