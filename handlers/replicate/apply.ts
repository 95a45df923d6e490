import type { SQSEvent } from 'aws-lambda'
import { workInbox } from '../../lib/replication/inbox.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'
import { failing, type BatchFailures } from './batchFailures.ts'

/** Called by the inbox queue. What failed or must wait comes again after the queue's visibility time-out. */
export function applyFunction(ports: ReplicationPorts): (event: SQSEvent) => Promise<BatchFailures> {
  return async ({ Records }) => {
    const delivered = await workInbox(
      ports,
      Records.map(({ body }) => body),
    )
    return failing(Records.filter((_, index) => delivered[index]?.outcome !== 'done').map(({ messageId }) => messageId))
  }
}
