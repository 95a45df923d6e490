import { retryIfChanged } from '../changedMeanwhile.ts'
import { onCompartmentVote } from '../tenancy/compartmentDeletion.ts'
import { parseTask } from './task.ts'
import { verifyMessage } from './signedMessage.ts'
import { onIdentityReceipt } from '../tenancy/replicateIdentity.ts'
import { copyKeys, onLinkAccepted, onLinkOffer, onPurged, onReceipts } from '../link/linkSource.ts'
import { makeWrappingKey } from '../makeWrappingKey.ts'
import { onCompared } from '../mend.ts'
import { noteMarks } from '../peerMarks.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/** Works off one message of the outcome queue: a peer's answer, or this region's own next step. @throws to have it again. */
export function workOutcome(ports: ReplicationPorts, text: string): Promise<void> {
  return retryIfChanged(ports, () => workOnce(ports, text))
}

async function workOnce(ports: ReplicationPorts, text: string): Promise<void> {
  const task = parseTask(text)
  if (task?.task === 'copy') return copyKeys(ports, task)
  if (task?.task === 'makeWrappingKey') return makeWrappingKey(ports, task.vaultId)
  if (task !== undefined) throw new Error(`A ${task.task} task does not belong in the outcome queue.`)
  const envelope = await verifyMessage(ports.hsm, text)
  const { body } = envelope
  await noteMarks(ports.tables, [envelope])
  switch (body.kind) {
    case 'linkOffer':
      return onLinkOffer(ports, envelope, body)
    case 'linkAccepted':
      return onLinkAccepted(ports, envelope, body)
    case 'purged':
      return onPurged(ports, envelope, body)
    case 'receipts':
      return onReceipts(ports, envelope, body)
    case 'compared':
      return onCompared(ports, envelope, body)
    case 'identityReceipt':
      return onIdentityReceipt(ports, envelope, body)
    case 'compartmentVote':
      return onCompartmentVote(ports, envelope, body)
    default:
      throw new Error(`A ${body.kind} message does not belong in the outcome queue.`)
  }
}
