import { Agent, request } from 'node:http'
import { until } from '../../harness/until.ts'
import type { Signed } from '../signedCaller.ts'

export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly retryAfter: string | undefined
  /** The answer's opc-request-id. */
  readonly requestId: string
}

/** One connection that is kept: all its requests come to the same worker. */
export class HeldConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  post(url: string, { headers, text }: Signed): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { method: 'POST', agent: this.#agent, headers }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('error', reject)
        answer.on('end', () => {
          const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>
          const { 'retry-after': retryAfter, 'opc-request-id': requestId } = answer.headers
          resolve({ status: answer.statusCode ?? 0, body, retryAfter, requestId: String(requestId) })
        })
      })
      sent.on('error', reject)
      sent.end(text)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Opens connections until each worker of a region has two, and resolves with all of them. */
export async function connectionsToAll(
  region: string,
  url: string,
  signed: Signed,
): Promise<readonly HeldConnection[]> {
  return (await connectionsByWorker(region, url, signed)).map(({ connection }) => connection)
}

/** As connectionsToAll, each with the number of its worker. */
export async function connectionsByWorker(
  region: string,
  url: string,
  signed: Signed,
): Promise<readonly { readonly connection: HeldConnection; readonly worker: number }[]> {
  const connections: { connection: HeldConnection; worker: number }[] = []
  const reached = new Map<number, number>()
  let before = await answeredBy(region)
  const isEnough = () => before.length > 0 && before.every((_, worker) => (reached.get(worker) ?? 0) >= 2)
  const reach = async () => {
    if (isEnough()) return true
    const connection = new HeldConnection()
    await connection.post(url, signed)
    const after = await answeredBy(region)
    const worker = after.findIndex((count, index) => count > (before[index] ?? 0))
    connections.push({ connection, worker })
    reached.set(worker, (reached.get(worker) ?? 0) + 1)
    before = after
    return isEnough()
  }
  await until(reach, () => Object.fromEntries(reached), 0)
  return connections
}

/** How many crypto requests each worker has answered since its start. */
async function answeredBy(region: string): Promise<readonly number[]> {
  return (await workersOf(region)).map(({ answered }) => answered)
}

/** As /healthz has them. */
export async function workersOf(
  region: string,
): Promise<readonly { readonly answered: number; readonly restarts: number }[]> {
  const health = (await (await fetch(`${region}/healthz`)).json()) as {
    workers: { answered: number; restarts: number }[]
  }
  return health.workers
}
