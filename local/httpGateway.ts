import { isUtf8 } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpFunction } from '../lib/http/httpFunction.ts'
import type { FunctionName } from '../lib/http/operations.ts'
import { bodyLimit, matchRoute, servingFunction } from '../lib/http/routes.ts'
import { maxHeaderBytes, type HttpEvent, type HttpResponse } from '../lib/http/wireRequest.ts'
import { KmsError } from '../lib/errors.ts'
import { errorAnswer, refuseSocket } from './refuseSocket.ts'

export interface GatewayOptions {
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>
  /** The answer to GET /healthz. */
  readonly health: () => Promise<object>
  /** The largest file that a restore takes, in bytes. */
  readonly maxFileBytes: number
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
      { keepAliveTimeout: 65_000, requestTimeout: 30_000, headersTimeout: 15_000, maxHeaderSize: maxHeaderBytes },
      (request, response) => {
        this.#answer(request, response)
      },
    )
    server.on('clientError', refuseSocket)
    // Contract §1.5: an expectation that is not known is ignored.
    server.on('checkExpectation', (request, response) => {
      this.#answer(request, response)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
    server.on('error', this.#options.onError)
    const actual = (server.address() as AddressInfo).port
    this.#servers.set(actual, server)
    return actual
  }

  isListening(port: number): boolean {
    return this.#servers.has(port)
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
    const { path } = targetOf(request)
    const limit = bodyLimit(matchRoute(request.method ?? 'GET', path), this.#options.maxFileBytes)
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      refuseBody(request, response, limit)
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else if (!response.headersSent) refuseBody(request, response, limit)
    })
    request.on('end', () => {
      if (response.headersSent) return
      const [only = empty] = chunks
      this.#dispatch(request, response, chunks.length > 1 ? Buffer.concat(chunks) : only).catch((cause: unknown) => {
        this.#options.onError(cause)
        if (response.headersSent) response.destroy()
        else answerError(request, response, cause)
      })
    })
    request.on('error', () => response.destroy())
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    if (request.url === '/healthz' && request.method === 'GET') {
      write(response, 200, { 'content-type': 'application/json' }, JSON.stringify(await this.#options.health()))
      return
    }
    const event = toEvent(request, body)
    const serves = servingFunction(event.requestContext.http.method, event.rawPath)
    // Paths that no operation has are answered by the vault function, as the HTTP API's default route does.
    const { statusCode, headers, body: text }: HttpResponse = await this.#options.functions[serves](event)
    write(response, statusCode, headers, text)
  }
}

const empty = Buffer.alloc(0)
/** How much, and for how long, a caller may go on sending who has been told that the body is too large. */
const maxDiscardedBytes = 1024 * 1024
const discardMs = 500

/**
 * The answer is out at once, but the connection ends only when the caller has stopped sending (or has gone on too long):
 * closing on unread bytes resets it, and many clients then never see the answer.
 */
function refuseBody(request: IncomingMessage, response: ServerResponse, limit: number): void {
  let discarded = 0
  const timer = setTimeout(() => request.destroy(), discardMs)
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > maxDiscardedBytes) request.destroy()
  })
  request.once('end', () => response.end())
  request.once('close', () => {
    clearTimeout(timer)
  })
  request.once('error', () => response.destroy())
  const { status, headers, text } = errorAnswer(
    new KmsError('payloadTooLarge', `A body here has at most ${limit} bytes.`),
    request.headers['opc-request-id'],
  )
  response.writeHead(status, { ...headers, connection: 'close' })
  response.write(text)
}

function answerError(request: IncomingMessage, response: ServerResponse, cause: unknown): void {
  const { status, headers, text } = errorAnswer(cause, request.headers['opc-request-id'])
  response.writeHead(status, headers)
  response.end(text)
}

function write(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  headers['content-length'] = String(Buffer.byteLength(body))
  response.writeHead(status, headers)
  response.end(body)
}

/** The event of an API Gateway HTTP API (payload 2.0); path and query stay exactly as they came over the wire. */
function toEvent(request: IncomingMessage, body: Buffer): HttpEvent {
  const { path, query } = targetOf(request)
  // Bytes that are no UTF-8 would not survive as text, and the signature covers the bytes.
  const isText = isUtf8(body)
  return {
    rawPath: path,
    rawQueryString: query,
    headers: request.headers as Record<string, string>,
    ...(body.length === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: !isText,
    requestContext: { http: { method: request.method ?? 'GET', sourceIp: request.socket.remoteAddress ?? '' } },
  }
}

function targetOf({ url = '/' }: IncomingMessage): { readonly path: string; readonly query: string } {
  const question = url.indexOf('?')
  return question < 0 ? { path: url, query: '' } : { path: url.slice(0, question), query: url.slice(question + 1) }
}
