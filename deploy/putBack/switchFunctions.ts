import { setTimeout as sleep } from 'node:timers/promises'
import {
  DeleteFunctionConcurrencyCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  PutFunctionConcurrencyCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda'
import { grants } from '../grants.ts'
import { UserError } from '../../lib/userError.ts'

/** Whoever operates a deployment calls these two, and nothing else does. */
const ofOperators: readonly string[] = ['recover', 'provision']
const serving = Object.keys(grants).filter((name) => !ofOperators.includes(name))

/** Nothing calls the region's functions any more: queues and streams wait, requests are answered 503 by the HTTP API. */
export async function stopFunctions(region: string, prefix: string): Promise<void> {
  const client = new LambdaClient({ region })
  // Before the functions: a queue whose function takes nothing gives its messages up.
  await switchMappings(client, prefix, false)
  for (const name of serving) {
    const stopped = { FunctionName: `${prefix}-${name}`, ReservedConcurrentExecutions: 0 }
    await client.send(new PutFunctionConcurrencyCommand(stopped))
  }
}

/** `reserved`: the share of the account's concurrency that crypto has; 0: none. */
export async function startFunctions(region: string, prefix: string, reserved: number): Promise<void> {
  const client = new LambdaClient({ region })
  for (const name of serving) {
    const FunctionName = `${prefix}-${name}`
    // Another configuration ends the instances that remember what the tables were before.
    const Description = `Started after its tables were put back, ${new Date().toISOString()}`
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description }))
    await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 120 }, { FunctionName })
    if (name === 'crypto' && reserved > 0)
      await client.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: reserved }))
    else await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName }))
  }
  await switchMappings(client, prefix, true)
}

async function switchMappings(client: LambdaClient, prefix: string, Enabled: boolean): Promise<void> {
  const ids: string[] = []
  for (const name of serving) {
    const of = { FunctionName: `${prefix}-${name}` }
    const { EventSourceMappings = [] } = await client.send(new ListEventSourceMappingsCommand(of))
    ids.push(...EventSourceMappings.flatMap(({ UUID }) => UUID ?? []))
  }
  for (const UUID of ids) await client.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }))
  for (const UUID of ids) await switched(client, UUID, Enabled)
}

async function switched(client: LambdaClient, UUID: string, isEnabled: boolean): Promise<void> {
  const wanted = isEnabled ? 'Enabled' : 'Disabled'
  for (let looks = 0; looks < 120; looks += 1) {
    const { State } = await client.send(new GetEventSourceMappingCommand({ UUID }))
    if (State === wanted) return
    await sleep(1000)
  }
  throw new UserError(
    `The event source mapping ${UUID} is not ${wanted} after two minutes; run the same command again.`,
  )
}
