import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { SQSClient } from '@aws-sdk/client-sqs'
import { prefixOf } from '../deploy/deployed.ts'
import type { Parameters } from '../deploy/parameters.ts'
import { packageTemplates } from '../deploy/packageTemplates.ts'
import { provisionTenancy, type InvokeProvision } from '../deploy/provisionTenancy.ts'
import { serveFaults } from '../local/control/faultServer.ts'
import type { HostDirectory } from '../local/directory/hostDirectory.ts'
import { LagWindow } from '../lib/replication/lagWindow.ts'
import { administratorKey, writeOciConfig } from '../local/directory/ociProfile.ts'
import { writeEndpoints } from '../local/directory/endpointsFile.ts'
import { emulatorOptions } from './emulatorOptions.ts'
import { OfflineFaults } from './offlineFaults.ts'
import { OfflineRegion } from './offlineRegion.ts'
import { RegionFunctions } from './regionFunctions.ts'
import { createRegionStack } from './regionStack.ts'
import { startLocalStack, type Emulator } from './startLocalStack.ts'
import { UserError, messageOf } from '../lib/userError.ts'

export interface OfflineOptions {
  readonly directory: HostDirectory
  readonly parameters: Parameters
  /** Region i listens at this port + i. */
  readonly portBase: number
  readonly say: (line: string) => void
}

export interface OfflineCloud {
  readonly emulator: string
  readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
  readonly close: () => Promise<void>
}

const accountId = '000000000000'

/**
 * The deployed service on one machine: the template's tables, queues and key in LocalStack, its functions in
 * serverless-offline, called by its streams, queues and schedules and by plain HTTP. @throws UserError in one line.
 */
export async function startOffline(options: OfflineOptions): Promise<OfflineCloud> {
  const started: { stop(): Promise<void> }[] = []
  const close = async (): Promise<void> => {
    for (const each of started.reverse()) await each.stop()
    options.directory.close()
  }
  try {
    const emulator = await startLocalStack({ mayPull: true })
    if (typeof emulator === 'string') throw new UserError(`LocalStack is needed: ${emulator}.`)
    started.push(emulator)
    options.say(`Tables and queues: ${emulator.kind}`)
    const regions = await startRegions(options, emulator, started)
    return { emulator: emulator.kind, regions, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

async function startRegions(
  options: OfflineOptions,
  emulator: Emulator,
  started: { stop(): Promise<void> }[],
): Promise<OfflineCloud['regions']> {
  const { directory, parameters, portBase, say } = options
  const templates = join('.build', 'offline')
  await packageTemplates(parameters, templates)
  const logs = directory.file('logs') ?? '.'
  mkdirSync(logs, { recursive: true })
  say('Creating the template’s tables and queues, and starting the functions …')
  const regions = await Promise.all(
    parameters.regions.map(async (region, index) => {
      const aws = emulatorOptions(region, emulator.endpoint)
      const file = join(templates, region, 'cloudformation-template-update-stack.json')
      const { hsmStateKey, vaultKeksKey, eventSources } = await createRegionStack(aws, prefixOf(parameters), file)
      const lag = new LagWindow()
      const functions = await RegionFunctions.start({
        region,
        parameters,
        emulator: emulator.endpoint,
        accountId,
        hsmStateKey,
        vaultKeksKey,
        endpointPortBase: portBase,
        logFile: join(logs, `${region}.log`),
        onMetric: ({ peer, vault, ReplicationLag: lagMs }) => {
          if (typeof peer !== 'string' || typeof vault !== 'string' || typeof lagMs !== 'number') return
          lag.record({ vaultId: vault, peer }, lagMs)
        },
      })
      started.push(functions)
      const made = await OfflineRegion.start({
        region,
        prefix: prefixOf(parameters),
        host: `kms.${region}.${parameters.domain}`,
        port: portBase + index,
        functions,
        eventSources,
        dynamo: new DynamoDBClient(aws),
        streams: new DynamoDBStreamsClient(aws),
        sqs: new SQSClient({ ...aws, useQueueUrlAsEndpoint: false }),
        lag,
        peers: parameters.regions.filter((each) => each !== region),
        onError: (cause) => {
          say(`${region}: ${messageOf(cause)}`)
        },
      })
      started.push(made)
      return made
    }),
  )
  const endpoints = regions.map(({ region, endpoint }) => ({ region, endpoint }))
  await provision(options, regions)
  writeEndpoints(directory, {
    regions: endpoints,
    homeRegion: parameters.homeRegion,
    tenancyId: directory.fact('tenancyId') ?? '',
    rootCompartmentId: directory.fact('tenancyId') ?? '',
  })
  const closeFaults = await serveFaults(directory, new OfflineFaults(regions))
  if (closeFaults !== undefined) started.push({ stop: closeFaults })
  return endpoints
}

/** The tenancy of this directory's administrator, by the function that the deployer calls. */
async function provision({ directory, parameters }: OfflineOptions, regions: readonly OfflineRegion[]): Promise<void> {
  const { homeRegion } = parameters
  const key = administratorKey(directory)
  const at = (name: string): InvokeProvision => {
    const found = regions.find(({ region }) => region === name)
    if (found === undefined) throw new Error(`There is no region ${name}.`)
    return (step) => found.provision(step)
  }
  const { tenancyId, userId, fingerprint } = await provisionTenancy(
    { regions: parameters.regions, homeRegion, at },
    { name: 'vaultspan', publicKeyPem: key.publicKeyPem },
  )
  directory.storeFact('tenancyId', tenancyId)
  writeOciConfig(directory, { tenancyId, userId, fingerprint, region: homeRegion })
}
