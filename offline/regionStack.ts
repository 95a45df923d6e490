import { readFile } from 'node:fs/promises'
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation'
import type { EmulatorOptions } from './emulatorOptions.ts'

/** What calls a function, as serverless.yml has it: a table's stream or a queue. */
export interface EventSource {
  readonly kind: 'stream' | 'queue'
  /** The table's name or the queue's URL. */
  readonly source: string
  /** The function's name, as the Lambda API has it. */
  readonly functionName: string
  readonly batchSize: number
  /** Streams: how often a record is tried before it goes to `deadLetters`, a queue's URL. */
  readonly maxRetries: number
  readonly deadLetters: string | undefined
}

/** The part of a packaged template that an emulator without functions can make: tables, queues, the HSM's keys, the home region's bucket of backups. */
export interface RegionStack {
  readonly hsmStateKey: string
  readonly vaultKeksKey: string
  readonly eventSources: readonly EventSource[]
}

interface Resource {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
}

interface Template {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly Outputs: Readonly<Record<string, unknown>>
}

const made = /^AWS::(DynamoDB::Table|SQS::Queue|KMS::Key)$/
const backupBucket = 'BackupBucket'
const outputs = ['HomeRegion', 'Regions', 'Domain']

/** Makes the stack where it does not stand yet. `file` is what `npm run package` has made for the region. */
export async function createRegionStack(
  options: EmulatorOptions,
  stackName: string,
  file: string,
): Promise<RegionStack> {
  const template = JSON.parse(await readFile(file, 'utf8')) as Template
  const client = new CloudFormationClient(options)
  const TemplateBody = JSON.stringify({
    Resources: Object.fromEntries(
      Object.entries(template.Resources).filter(([name, { Type }]) => name === backupBucket || made.test(Type)),
    ),
    Outputs: Object.fromEntries(outputs.map((name) => [name, template.Outputs[name]])),
  })
  try {
    await client.send(new CreateStackCommand({ StackName: stackName, TemplateBody }))
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'AlreadyExistsException') throw cause
  }
  await waitUntilStackCreateComplete({ client, maxWaitTime: 120, minDelay: 1, maxDelay: 1 }, { StackName: stackName })
  const { StackResources = [] } = await client.send(new DescribeStackResourcesCommand({ StackName: stackName }))
  client.destroy()
  const physical = new Map(StackResources.map((each) => [each.LogicalResourceId, each.PhysicalResourceId ?? '']))
  const idOf = (logical: string): string => {
    const id = physical.get(logical)
    if (id === undefined) throw new Error(`The stack ${stackName} has no ${logical}.`)
    return id
  }
  return {
    hsmStateKey: idOf('HsmStateKey'),
    vaultKeksKey: idOf('VaultKeksKey'),
    eventSources: eventSources(template, idOf),
  }
}

/** `{ "Fn::GetAtt": [logical id, attribute] }` */
interface Reference {
  readonly 'Fn::GetAtt': readonly [string, string]
}

interface Mapping {
  readonly EventSourceArn: Reference
  readonly FunctionName: Reference
  readonly BatchSize: number
  readonly MaximumRetryAttempts?: number
  readonly DestinationConfig?: { readonly OnFailure: { readonly Destination: Reference } }
}

function eventSources({ Resources }: Template, idOf: (logical: string) => string): readonly EventSource[] {
  const mappings = Object.values(Resources).filter(({ Type }) => Type === 'AWS::Lambda::EventSourceMapping')
  return mappings.map(({ Properties }) => {
    const mapping = Properties as unknown as Mapping
    const [source, attribute] = mapping.EventSourceArn['Fn::GetAtt']
    const [functionId] = mapping.FunctionName['Fn::GetAtt']
    const dead = mapping.DestinationConfig?.OnFailure.Destination['Fn::GetAtt'][0]
    return {
      kind: attribute === 'StreamArn' ? 'stream' : 'queue',
      source: idOf(source),
      functionName: String(Resources[functionId]?.Properties['FunctionName']),
      batchSize: mapping.BatchSize,
      maxRetries: mapping.MaximumRetryAttempts ?? Infinity,
      deadLetters: dead === undefined ? undefined : idOf(dead),
    }
  })
}
