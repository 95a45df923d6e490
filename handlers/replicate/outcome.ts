import type { SQSEvent } from 'aws-lambda'
import { TransferRefused } from '../../lib/replication/link/refusedTransfers.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { PeerUnreachable } from '../../lib/replication/messages/send.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'
import { batchFunction, failedOf, type BatchFailures } from './batchFailures.ts'

/** Called by the outcome queue: a replica's answers, and the next steps of an initial copy. */
export function outcomeFunction(ports: ReplicationPorts): (event: SQSEvent) => Promise<BatchFailures> {
  return batchFunction(({ Records }) =>
    failedOf(
      Records.map(({ messageId: itemIdentifier, body }) => ({ itemIdentifier, body })),
      async ({ body }) => {
        try {
          await workOutcome(ports, body)
        } catch (cause) {
          // It was told, and is asked for anew.
          if (!(cause instanceof TransferRefused)) throw cause
        }
      },
      (cause) => {
        if (cause instanceof PeerUnreachable)
          ports.log.warn('A message of the outcome queue waits for a peer.', { cause: cause.message })
        else ports.log.error('A message of the outcome queue failed.', cause)
      },
    ),
  )
}
