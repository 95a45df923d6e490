import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import type { FunctionName } from '../lib/http/operations.ts'
import { maxLambdaFileBytes, type HttpEvent, type HttpResponse } from '../lib/http/wireRequest.ts'
import type { OfflineSwitch } from './offlineFaults.ts'
import { HttpGateway } from '../local/gateway/httpGateway.ts'
import type { LagWindow } from '../lib/replication/lagWindow.ts'
import { Loop } from './loop.ts'
import { queueSource } from './queueSource.ts'
import type { RegionFunctions } from './regionFunctions.ts'
import type { EventSource } from './regionStack.ts'
import { StreamReader } from './streamReader.ts'
import { streamSource } from './streamSource.ts'

export interface OfflineRegionOptions {
  readonly region: string
  /** Of every function's name. */
  readonly prefix: string
  /** Under which the region answers on loopback; its vaults answer under names before it. */
  readonly host: string
  readonly port: number
  readonly functions: RegionFunctions
  readonly eventSources: readonly EventSource[]
  readonly dynamo: DynamoDBClient
  readonly streams: DynamoDBStreamsClient
  readonly sqs: SQSClient
  readonly lag: LagWindow
  readonly peers: readonly string[]
  readonly onError: (cause: unknown) => void
}

/** What stands around a region's functions on AWS: the HTTP API and the event source mappings. */
export class OfflineRegion implements OfflineSwitch {
  readonly region: string
  readonly endpoint: string
  readonly #options: OfflineRegionOptions
  readonly #gateway: HttpGateway
  readonly #loops: readonly Loop[]

  static async start(options: OfflineRegionOptions): Promise<OfflineRegion> {
    const steps = await Promise.all(options.eventSources.map((source) => stepOf(source, options)))
    const region = new OfflineRegion(
      options,
      steps.map((step) => new Loop(step, options.onError)),
    )
    await region.heal()
    return region
  }

  private constructor(options: OfflineRegionOptions, loops: readonly Loop[]) {
    this.region = options.region
    this.endpoint = `http://${options.host}:${options.port}`
    this.#options = options
    this.#loops = loops
    this.#gateway = new HttpGateway({
      functions: httpFunctions(options),
      health: async () => this.#health(),
      maxFileBytes: maxLambdaFileBytes,
      onError: options.onError,
      isOwnHost: (host, port) =>
        host === `${options.host}:${options.port}` ||
        (host.endsWith(`.${options.host}:${options.port}`) && port === options.port),
    })
  }

  /** Calls the function that no route leads to. */
  provision<R>(step: object): Promise<R> {
    return this.#options.functions.invoke<R>(`${this.#options.prefix}-provision`, step)
  }

  async cut(): Promise<void> {
    await Promise.all([this.#gateway.close(), ...this.#loops.map((loop) => loop.pause())])
  }

  async heal(): Promise<void> {
    const { port } = this.#options
    if (!this.#gateway.isListening(port)) await this.#gateway.listen(port, '127.0.0.1')
    for (const loop of this.#loops) loop.resume()
  }

  async stop(): Promise<void> {
    const { dynamo, streams, sqs } = this.#options
    await Promise.all([this.#gateway.close(), ...this.#loops.map((loop) => loop.stop())])
    for (const client of [dynamo, streams, sqs]) client.destroy()
  }

  #health(): object {
    const { region, peers, lag } = this.#options
    const links = peers.map((peer) => ({ peer, lagMs: lag.figuresOf(peer) }))
    return { status: 'ok', region, hsm: 'simulated HSM (software)', links }
  }
}

async function stepOf(source: EventSource, options: OfflineRegionOptions): Promise<() => Promise<number>> {
  const { functions, dynamo, streams, sqs, onError } = options
  const invoke = (functionName: string, event: object) => functions.invoke<BatchFailures>(functionName, event)
  if (source.kind === 'queue') return queueSource(source, { sqs, invoke, onError })
  const reader = await StreamReader.open(dynamo, streams, source.source)
  return streamSource(source, { reader, invoke, sqs, onError })
}

function httpFunctions({ functions, prefix }: OfflineRegionOptions) {
  const call = (name: FunctionName) => (event: HttpEvent) => functions.invoke<HttpResponse>(`${prefix}-${name}`, event)
  return {
    vault: call('vault'),
    keys: call('keys'),
    crypto: call('crypto'),
    identity: call('identity'),
    audit: call('audit'),
  }
}
