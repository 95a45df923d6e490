import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { backupBucketOf } from './deleteBackups.ts'
import { type Parameters } from './parameters.ts'
import { UserError } from '../lib/userError.ts'

export function prefixOf({ stage }: Pick<Parameters, 'stage'>): string {
  return `vaultspan-${stage}`
}

/** What a region's stack says of its deployment; undefined where there is none. */
export async function deployedWith(
  region: string,
  parameters: Pick<Parameters, 'stage'>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const client = new CloudFormationClient({ region })
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: prefixOf(parameters) }))
    const outputs = Stacks?.[0]?.Outputs ?? []
    return Object.fromEntries(outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]))
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('does not exist')) return undefined
    throw cause
  }
}

/** @throws UserError where these parameters do not fit what stands already; nothing was deployed then. */
export async function requireFits(parameters: Parameters): Promise<void> {
  for (const region of parameters.regions) {
    const before = await deployedWith(region, parameters)
    if (before !== undefined) requireSameDeployment(region, parameters, before)
    else if (
      (await hasTables(region, parameters)) ||
      (await backupBucketOf(region, prefixOf(parameters))) !== undefined
    ) {
      throw new UserError(
        `${region} holds the data of an earlier deployment of stage ${parameters.stage}; docs/deploy.md says how to ` +
          'take them up again or delete them.',
      )
    }
  }
}

function requireSameDeployment(
  region: string,
  { homeRegion, regions, domain }: Parameters,
  { HomeRegion, Regions, Domain }: Readonly<Record<string, string>>,
): void {
  if (HomeRegion !== undefined && HomeRegion !== homeRegion) {
    throw new UserError(`${region} is deployed with the home region ${HomeRegion}; give --home ${HomeRegion}.`)
  }
  if (Domain !== undefined && Domain !== domain) {
    throw new UserError(`${region} is deployed with the domain ${Domain}; vaults' endpoints cannot change.`)
  }
  const missing = Regions?.split(',').find((each) => !regions.includes(each))
  if (missing !== undefined) {
    throw new UserError(
      `${missing} belongs to this deployment; name it in --regions, or delete its replicas and remove it first.`,
    )
  }
}

async function hasTables(region: string, parameters: Pick<Parameters, 'stage'>): Promise<boolean> {
  const client = new DynamoDBClient({ region })
  try {
    await client.send(new DescribeTableCommand({ TableName: `${prefixOf(parameters)}-Vaults` }))
    return true
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ResourceNotFoundException') return false
    throw cause
  }
}
