import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SQSClient } from '@aws-sdk/client-sqs'
import { emulatorOptions, type EmulatorOptions } from '../../../offline/emulatorOptions.ts'
import { startLocalStack, type Emulator } from '../../../offline/startLocalStack.ts'
import { regionA, regionB } from '../../harness/twoRegions.ts'

/** Clients of an emulator; tables and queues of a run have its name, so that runs may share one emulator. */
export interface Aws {
  readonly run: string
  readonly endpoint: string
  readonly options: (region: string) => EmulatorOptions
  readonly dynamo: (region: string) => DynamoDBClient
  readonly sqs: (region: string) => SQSClient
}

/**
 * A suite that runs where LocalStack is found. Elsewhere it says in one line that it did not, and why; with
 * REQUIRE_LOCALSTACK=1 that is a failure.
 */
export async function onLocalStack(
  title: string,
  define: (aws: Aws) => void,
  start: (options: { readonly mayPull: boolean }) => Promise<Emulator | string> = startLocalStack,
): Promise<void> {
  const isRequired = process.env['REQUIRE_LOCALSTACK'] === '1'
  const found = await start({ mayPull: isRequired })
  if (typeof found !== 'string') {
    describe(title, () => {
      defineOn(found, define)
    })
    return
  }
  const line = `Skipped: ${title}, because ${found}.`
  if (isRequired) {
    test(title, () => {
      throw new Error(line)
    })
    return
  }
  process.stderr.write(`${line}\n`)
  test.skip(line, () => undefined)
}

function defineOn({ endpoint, stop }: Emulator, define: (aws: Aws) => void): void {
  const clients: { destroy(): void }[] = []
  const kept = <C extends { destroy(): void }>(make: (region: string) => C): ((region: string) => C) => {
    const byRegion = new Map<string, C>()
    return (region) => {
      const client = byRegion.get(region) ?? make(region)
      if (!byRegion.has(region)) clients.push(client)
      byRegion.set(region, client)
      return client
    }
  }
  const options = (name: string) => emulatorOptions(awsRegions[name] ?? name, endpoint)
  define({
    endpoint,
    run: `run-${process.pid}-${Date.now()}`,
    options,
    dynamo: kept((region) => new DynamoDBClient(options(region))),
    sqs: kept((region) => new SQSClient({ ...options(region), useQueueUrlAsEndpoint: false })),
  })
  // Behind the suite's own, which need the emulator.
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await stop()
  })
}

/** Emulators take a name that AWS does not have for us-east-1. */
const awsRegions: Readonly<Record<string, string>> = { [regionA]: 'us-east-1', [regionB]: 'us-west-2' }
