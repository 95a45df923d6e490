import type { SQSEvent, SQSRecord } from 'aws-lambda'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'
import { batchFunction, type BatchFailures } from './batchFailures.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** Called by the inbox queue. What failed or must wait comes again after the queue's visibility time-out. */
export function applyFunction(ports: ReplicationPorts): (event: SQSEvent) => Promise<BatchFailures> {
  return batchFunction(async ({ Records }) => {
    const delivered = await workInbox(
      ports,
      Records.map(({ body }) => body),
    )
    const failed = await Promise.all(
      Records.map(async (record, index) => {
        const outcome = delivered[index]?.outcome
        if (outcome === 'done' || outcome === 'refused') return []
        return outcome === 'wait' && (await renew(ports, record)) ? [] : [record.messageId]
      }),
    )
    return failed.flat()
  })
}

const receivesBeforeRenewal = 20
const maxWaitMs = 14 * 24 * 3_600_000

/**
 * A message that waits for another is not a poison: before the queue counts it as one it is sent anew, for up to
 * fourteen days. True where it was.
 */
async function renew({ queues, region, clock }: ReplicationPorts, { body, attributes }: SQSRecord): Promise<boolean> {
  if (Number(attributes.ApproximateReceiveCount) < receivesBeforeRenewal) return false
  const { sentAt } = parseJson(body) as { sentAt?: number }
  if (sentAt === undefined || clock() - sentAt > maxWaitMs) return false
  await queues.send({ region, name: 'inbox' }, [{ body, delaySeconds: 1 }])
  return true
}
