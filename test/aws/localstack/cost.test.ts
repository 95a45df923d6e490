import { costedOperations } from '../../../bench/costedOperations.ts'
import { regionA, regionB } from '../../harness/twoRegions.ts'
import { documentedCosts } from '../harness/documentedCosts.ts'
import { awsRegions, type AwsCloud } from './awsRegions.ts'
import { countConsumed, countMessages, nothing, type Consumed } from './consumed.ts'
import { onLocalStack } from './onLocalStack.ts'

const requests = ['reads', 'writes', 'transactionWrites', 'messages', 'streamRecords'] as const
const units = ['readUnits', 'writeUnits'] as const

/** DynamoDB Local counts no unit for a query that finds nothing, and an index's old and new entry where DynamoDB counts one. */
const allowance: Readonly<Record<string, number>> = { writeUnits: 1.4 }

type Counts = Consumed & { readonly streamRecords: number }

await onLocalStack('what operations cost', (aws) => {
  test('docs/cost.md says what DynamoDB and SQS count themselves', async () => {
    const documented = await documentedCosts()
    const total = nothing()
    // Warm caches stay warm here, however slow the emulator is; so the policy for replicas would not be seen in time.
    const settings = { keyCacheMs: 600_000, requiresServicePolicy: false }
    // The first event of a minute also marks the minute in the audit: none begins while an operation is counted.
    let stoppedAt: number | undefined
    const cloud = await awsRegions(aws, settings, () => stoppedAt ?? Date.now())
    for (const region of [regionA, regionB]) {
      countConsumed(aws.dynamo(region), total)
      countMessages(aws.sqs(region), total)
    }
    const counts = (): Counts => ({ ...total, streamRecords: cloud.streamRecords() })
    const { warmUp, runs } = await costedOperations(cloud, async () => undefined)
    for (const [operation, run] of runs) {
      await quiet(cloud)
      stoppedAt = Date.now()
      await warmUp()
      await quiet(cloud)
      const before = counts()
      await run()
      await quiet(cloud)
      const after = counts()
      const said = documented.get(operation)
      const isReplicated = /replica/i.test(operation)
      const counted = (names: readonly (keyof Counts)[]) =>
        Object.fromEntries(names.map((name) => [name, after[name] - before[name]]))
      if (!isReplicated) expect({ operation, ...said }).toMatchObject({ operation, ...counted(requests) })
      const most: Readonly<Record<string, number>> = { ...said }
      const over = Object.entries(counted(isReplicated ? [...requests, ...units] : units)).filter(
        ([name, count]) => !(count <= (most[name] ?? 0) * (allowance[name] ?? 1)),
      )
      expect({ operation, over }).toEqual({ operation, over: [] })
      expect(after.writeUnits - before.writeUnits).toBeGreaterThan(0)
    }
    await cloud.close()
  })
})

/** Nothing is left to do, and the group of audit events that was open is written. */
async function quiet(cloud: AwsCloud): Promise<void> {
  await cloud.settle()
  for (const { runtime } of [cloud.a, cloud.b]) await (runtime.audit as { flush?: () => Promise<void> }).flush?.()
}
