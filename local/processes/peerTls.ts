import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Agent, createServer, request as requestOver } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket, type PeerCertificate } from 'node:tls'
import type { Logger, QueueMessage, QueueName } from '../../lib/ports.ts'
import type { Certificate } from '../tls/certificateFiles.ts'
import type { Peer } from '../region/region.ts'
import { answerInbox, type Inbox } from './inbox.ts'
import { answerQuestion, isQuestion, questionPath, type peerAnswers, type PeerQuestion } from './peerQuestions.ts'
import { post, postMessages, type RequestTo } from './postMessages.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** A region on another machine: where it takes messages, and the one certificate that it shows. */
export interface PinnedPeer {
  readonly region: string
  readonly host: string
  readonly port: number
  /** PEM. */
  readonly certificate: string
}

export interface TlsInbox {
  readonly host: string
  readonly port: number
  readonly own: Certificate
  readonly peers: readonly PinnedPeer[]
  /** Whether nothing is to pass between this region and that one, on purpose. */
  readonly isCut: (peer: string) => boolean
  /** By whom an envelope that `judge` has taken was sent. */
  readonly inboxOf: (peer: string) => Inbox
  readonly answers: ReturnType<typeof peerAnswers>
  readonly log: Pick<Logger, 'warn'>
}

/** The certificates alone say who is who: no authority, no name. */
const minVersion = 'TLSv1.3'

/** Takes what regions on other machines send, each under its own certificate. Resolves with what closes it. */
export async function serveTlsInbox({
  host,
  port,
  own,
  peers,
  isCut,
  inboxOf,
  answers,
  log,
}: TlsInbox): Promise<() => Promise<void>> {
  const regionOf = new Map(peers.map(({ region, certificate }) => [fingerprintOf(certificate), region]))
  const refused = new Set<string>()
  const sockets = new Set<Socket>()
  const server = createServer(
    { ...own, minVersion, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const peer = callerOf(request, regionOf, (print, address) => {
        if (refused.size < 100 && !refused.has(print)) {
          refused.add(print)
          log.warn('A certificate that is trusted for no region was refused.', { fingerprint: print, address })
        }
      })
      if (peer === undefined) {
        // As one that cannot be reached: what it has waits, and goes once it is trusted.
        response.writeHead(503, { 'content-type': 'text/plain', connection: 'close' })
        response.end('this certificate is trusted for no region here; see vaultspan region trust')
      } else if (isCut(peer)) request.socket.destroy()
      else if (isQuestion(request)) answerQuestion(request, response, peer, answers)
      else answerInbox(request, response, inboxOf(peer))
    },
  )
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy())
  await new Promise<void>((ready, failed) => {
    server.once('error', failed)
    server.listen(port, host, ready)
  })
  return async () => {
    const closed = new Promise((done) => server.close(done))
    for (const socket of sockets) socket.destroy()
    await closed
  }
}

/** Undefined: nobody who is trusted, or one whose certificate is out of date. */
function callerOf(
  { socket }: IncomingMessage,
  regionOf: ReadonlyMap<string, string>,
  refuse: (fingerprint: string, address: string) => void,
): string | undefined {
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  const peer = shown === undefined ? undefined : regionOf.get(shown.fingerprint256)
  if (peer !== undefined && shown !== undefined && shown.validToDate.getTime() > Date.now()) return peer
  refuse(shown?.fingerprint256 ?? 'none', socket.remoteAddress ?? '')
  return undefined
}

export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256
}

/** It was reached, and does not answer as asked. */
export class PeerRefusal extends Error {
  readonly status: number
  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** A region on another machine. */
export class PeerTls implements Peer {
  readonly #peer: PinnedPeer
  readonly #own: Certificate
  readonly #agent: Agent

  constructor(peer: PinnedPeer, own: Certificate) {
    this.#peer = peer
    this.#own = own
    // Each connection shows both certificates: no session is taken up again.
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, maxCachedSessions: 0 })
  }

  send(name: QueueName, messages: readonly QueueMessage[]): Promise<void> {
    return postMessages(this.#peer.region, this.#requestTo(), name, messages)
  }

  /** @throws where it cannot be reached, refuses, or is of a version that knows no such question. */
  async ask(question: PeerQuestion, args: readonly unknown[], timeoutMs?: number): Promise<unknown> {
    const { region } = this.#peer
    const { status, text } = await post(region, this.#requestTo(), questionPath(question), args, timeoutMs)
    if (status === 200) return parseJson(text)
    throw new PeerRefusal(`${region} answers ${status}: ${text.slice(0, 300)}`, status)
  }

  #requestTo(): RequestTo {
    const { host, port, certificate } = this.#peer
    const pinned = fingerprintOf(certificate)
    const checkServerIdentity = (_: string, { fingerprint256 }: PeerCertificate) =>
      fingerprint256 === pinned ? undefined : new Error('It shows another certificate than the one that is trusted.')
    const place = {
      ...this.#own,
      host,
      port,
      agent: this.#agent,
      ca: certificate,
      minVersion,
      checkServerIdentity,
    } as const
    return (options, answered) => requestOver({ ...options, ...place }, answered)
  }

  close(): void {
    this.#agent.destroy()
  }
}
