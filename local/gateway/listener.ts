import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { ServedCertificate } from '../tls/watchedCertificate.ts'

const handshakeMs = 10_000
const minVersion = 'TLSv1.2'

/** The only place where listeners of the HTTP API are made: over TLS where there is a certificate, which may change. */
export function createListener(
  options: ServerOptions,
  certificate: ServedCertificate | undefined,
  answer: RequestListener,
): Server {
  if (certificate === undefined) return createServer(options, answer)
  const secure = { ...options, ...certificate.current, minVersion, handshakeTimeout: handshakeMs } as const
  const server = createSecureServer(secure, answer)
  const forget = certificate.onChange((next) => {
    server.setSecureContext({ ...next, minVersion })
  })
  server.once('close', forget)
  return server
}

/** Resets every connection, also those that are still in their handshake. */
export class Connections {
  readonly #sockets = new Set<Socket>()

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  get count(): number {
    return this.#sockets.size
  }

  reset(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
