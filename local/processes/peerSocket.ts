import { Agent, createServer, request as requestOver } from 'node:http'
import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import { listenPrivately, socketPath } from '../control/privateSocket.ts'
import type { Peer } from '../region/region.ts'
import { answerInbox, type Inbox } from './inbox.ts'
import { postMessages } from './postMessages.ts'

/** Where a region takes messages from the others on this machine. */
function socketName(region: string): string {
  return `regions/${region}.sock`
}

export function peerSocketPath(directory: string, region: string): string {
  return socketPath(directory, socketName(region))
}

/** Takes what other regions on this machine send. Resolves with what closes it. */
export async function serveInbox(directory: string, region: string, inbox: Inbox): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    answerInbox(request, response, inbox)
  })
  const close = await listenPrivately(server, directory, socketName(region))
  return async () => {
    server.closeAllConnections()
    await close()
  }
}

/** A region of another process on this machine. */
export class PeerSocket implements Peer {
  readonly #region: string
  readonly #socketPath: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })

  constructor(directory: string, region: string) {
    this.#region = region
    this.#socketPath = peerSocketPath(directory, region)
  }

  send(name: QueueName, messages: readonly QueueMessage[]): Promise<void> {
    const place = { socketPath: this.#socketPath, agent: this.#agent }
    return postMessages(
      this.#region,
      (options, answered) => requestOver({ ...options, ...place }, answered),
      name,
      messages,
    )
  }

  close(): void {
    this.#agent.destroy()
  }
}
