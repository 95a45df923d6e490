import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { HttpFunction } from '../../lib/http/httpFunction.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import type { RequestWatch } from '../../lib/http/requestWatch.ts'
import { bodyLimit, functionOf, matchRoute } from '../../lib/http/routes.ts'
import { maxHeaderBytes, noStore, type HttpResponse } from '../../lib/http/wireRequest.ts'
import { KmsError } from '../../lib/errors.ts'
import type { Broken } from '../region/faults.ts'
import { ConnectionTurns, maxWaiting } from './connectionTurns.ts'
import { Connections, createListener } from './listener.ts'
import { metricsContentType } from '../metrics/metricsContentType.ts'
import { takeOriginForm } from './originForm.ts'
import { answerError, refuseUnread, refuseWhole, tooLarge } from './refuseRequest.ts'
import { refuseSocket, type ErrorAnswer } from './refuseSocket.ts'
import type { ServedCertificate } from '../tls/watchedCertificate.ts'
import { countOf, targetOf, toEvent } from './toEvent.ts'
import { UnreadAnswers } from './unreadAnswers.ts'

export interface GatewayOptions {
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>
  /** The answer to GET /healthz. */
  readonly health: () => Promise<object>
  /** The answer to GET /metrics; undefined: nothing answers there. */
  readonly metrics?: () => Promise<string>
  /** Sees what is refused here; the functions' own pipelines see all else. */
  readonly requestWatch?: Pick<RequestWatch, 'answered'>
  /** The largest file that a restore takes, in bytes. */
  readonly maxFileBytes: number
  readonly onError: (cause: unknown) => void
  /** Whether a Host header names what listens at this port. */
  readonly isOwnHost: (host: string, port: number) => boolean
  /** Undefined: no TLS. */
  readonly certificate?: ServedCertificate | undefined
  /** How long a caller may take to read an answer. */
  readonly writeTimeoutMs?: number
  /** How much of its answers may wait for callers to read it. */
  readonly maxUnreadBytes?: number
}

const defaultWriteTimeoutMs = 30_000
const defaultMaxUnreadBytes = 128 * 1024 * 1024

/** The HTTP API of one region: the same functions behind every port, told apart by the Host header. */
export class HttpGateway {
  readonly #options: GatewayOptions
  readonly #servers = new Map<number, Server>()
  readonly #connections = new Connections()
  readonly #turns = new ConnectionTurns()
  readonly #waiting: ServerResponse[] = []
  /** Requests that have come whole in this turn of the event loop. */
  readonly #ready: (() => void)[] = []
  #broken: Broken | undefined
  readonly #unread: UnreadAnswers

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#unread = new UnreadAnswers({
      maxBytes: options.maxUnreadBytes ?? defaultMaxUnreadBytes,
      maxMs: options.writeTimeoutMs ?? defaultWriteTimeoutMs,
    })
  }

  /**
   * Port 0 takes any free one. Resolves with the port. @throws the system's error where the port is taken.
   * `reusePort`: others of this user may listen there too, and the kernel shares connections out.
   */
  async listen(port: number, host: string, reusePort = false): Promise<number> {
    const server = createListener(
      {
        keepAliveTimeout: 65_000,
        requestTimeout: 30_000,
        headersTimeout: 15_000,
        maxHeaderSize: maxHeaderBytes,
        // Refused by #hostRefusal, in OCI's form.
        requireHostHeader: false,
      },
      this.#options.certificate,
      (request, response) => {
        this.#answer(request, response)
      },
    )
    this.#connections.watch(server)
    server.on('clientError', (error, socket: Socket) => {
      this.#see(refuseSocket(error, socket))
    })
    // Contract §1.5: an expectation that is not known is ignored.
    server.on('checkExpectation', (request, response) => {
      this.#answer(request, response)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host, reusePort }, resolve)
    })
    server.on('error', this.#options.onError)
    const actual = (server.address() as AddressInfo).port
    this.#servers.set(actual, server)
    return actual
  }

  /** How it is broken on purpose. Whoever it has left waiting learns of the heal by the end of the connection. */
  stand(how: Broken | undefined): void {
    this.#broken = how
    if (how === undefined) for (const response of this.#waiting.splice(0)) response.destroy()
  }

  isListening(port: number): boolean {
    return this.#servers.has(port)
  }

  /** Sockets are reset, as when a region is lost. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values()]
    this.#servers.clear()
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
    this.#connections.reset()
    await Promise.all(closed)
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
    // RFC 9112 §9.6: whoever was told that the connection ends may repeat elsewhere what came behind.
    if (this.#turns.isEnding(request.socket)) {
      request.resume()
      return
    }
    if (this.#broken === 'hang') {
      request.resume()
      this.#waiting.push(response)
      return
    }
    takeOriginForm(request)
    const refusal = this.#broken === 'refuse' ? refusedOnPurpose : this.#hostRefusal(request)
    if (refusal !== undefined) {
      this.#refuse(request, response, refusal)
      return
    }
    const found = matchRoute(request.method ?? 'GET', targetOf(request).path)
    const limit = bodyLimit(found, this.#options.maxFileBytes)
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      this.#refuse(request, response, tooLarge(limit))
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else if (!response.headersSent) this.#refuse(request, response, tooLarge(limit))
    })
    request.on('end', () => {
      if (response.headersSent) return
      const [only = empty] = chunks
      const body = chunks.length > 1 ? Buffer.concat(chunks) : only
      const work = () => {
        if (request.socket.destroyed || this.#breaks(request, response)) return
        // Paths that no operation has are answered by the vault function, as the HTTP API's default route does.
        this.#dispatch(request, response, body, functionOf(found)).catch((cause: unknown) => {
          this.#options.onError(cause)
          if (response.headersSent) response.destroy()
          else answerError(request, response, cause)
        })
      }
      const begin = () => {
        this.#begin(work)
      }
      if (!this.#turns.take(request.socket, response, begin))
        this.#refuse(request, response, tooManyWaiting, refuseWhole)
    })
    request.on('error', () => response.destroy())
  }

  /**
   * Those that came in one turn of the event loop begin together and go on stage by stage: what they do alike stays in the
   * processor's caches, and each costs little more than half (docs/performance.md). Whoever is alone does not wait for others.
   */
  #begin(work: () => void): void {
    if (this.#connections.count < 2) {
      work()
      return
    }
    this.#ready.push(work)
    if (this.#ready.length > 1) return
    setImmediate(() => {
      for (const each of this.#ready.splice(0)) each()
    })
  }

  /** What is signed is signed for one host, so a request goes to that host or nowhere, health checks included. */
  #hostRefusal(request: IncomingMessage): KmsError | undefined {
    const host = request.headers.host ?? ''
    if (request.httpVersionMajor !== 1) return new KmsError('cannotParseRequest', 'This is not an HTTP/1.1 request.')
    // RFC 9112 §3.2.
    if (countOf('host', request.rawHeaders) !== 1)
      return new KmsError('cannotParseRequest', 'A request has exactly one Host header.')
    if (this.#options.isOwnHost(host, request.socket.localPort ?? 0)) return undefined
    return new KmsError(
      'noSuchRoute',
      'Nothing answers here under the host that this request names; use an endpoint as the service gives it.',
      { reason: { name: 'hostNotOurs', host, port: request.socket.localPort ?? 0 } },
    )
  }

  /** What had waited on its connection while somebody broke the region. */
  #breaks(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#broken === 'hang') this.#waiting.push(response)
    if (this.#broken === 'refuse') this.#refuse(request, response, refusedOnPurpose, refuseWhole)
    return this.#broken !== undefined
  }

  /** Nothing behind it on its connection is done. */
  #refuse(request: IncomingMessage, response: ServerResponse, refusal: KmsError, refuse = refuseUnread): void {
    this.#turns.end(request.socket)
    this.#see(refuse(request, response, refusal))
  }

  /** What never reached an operation, which sees its own. */
  #see(answer: ErrorAnswer | undefined): void {
    if (answer === undefined) return
    const { requestId, status, refusal } = answer
    this.#options.requestWatch?.answered({ requestId, operation: undefined, status, caller: undefined, refusal, ms: 0 })
  }

  #write(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
    const length = Buffer.byteLength(body)
    headers['content-length'] = String(length)
    response.writeHead(status, headers)
    response.end(body)
    // A caller who does not read would hold the whole answer in memory for ever.
    this.#unread.add(response, length)
  }

  async #dispatch(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    serves: FunctionName,
  ): Promise<void> {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (request.url === '/healthz' && isRead) {
      const health = JSON.stringify(await this.#options.health())
      this.#write(response, 200, { 'content-type': 'application/json', ...noStore }, health)
      return
    }
    const { metrics } = this.#options
    if (metrics !== undefined && request.url === '/metrics' && isRead) {
      this.#write(response, 200, { 'content-type': metricsContentType, ...noStore }, await metrics())
      return
    }
    const answer: HttpResponse = await this.#options.functions[serves](toEvent(request, body))
    const { statusCode, headers, body: text } = answer
    this.#write(response, statusCode, headers, text)
  }
}

const empty = Buffer.alloc(0)
const refusedOnPurpose = new KmsError('unavailable', 'This region refuses on purpose, until it is healed.')
const tooManyWaiting = new KmsError(
  'tooManyRequests',
  `At most ${maxWaiting} requests of a connection wait for the one before them; read the answers first.`,
)
