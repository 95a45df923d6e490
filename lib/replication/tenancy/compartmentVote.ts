import { firstContained } from '../../kms/identity/compartmentContents.ts'
import { compartmentById } from '../../kms/identity/compartments.ts'
import type { LogEntry } from '../../kms/identity/identityRows.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import type { Envelope } from '../messages/signedMessage.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/**
 * Tells the home region whether the compartments that an applied entry closes are empty here. An entry that comes again
 * is voted on again: the first vote may have been lost with a crash.
 * INVARIANT: the entry is applied, so whatever came into the compartment here is committed, and nothing follows.
 */
export async function voteOnDeletions(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { puts }: LogEntry,
): Promise<void> {
  for (const put of puts) {
    if (put.kind !== 'compartment' || put.parentId === null || put.lifecycleState !== 'DELETING') continue
    const row = await compartmentById(ports, tenancyId, put.id)
    if (row === undefined || row.parentId === null) continue
    const { id: compartmentId, lifecycleState, workRequestId } = row
    // An entry that comes late speaks of an attempt that has ended.
    if (lifecycleState !== 'DELETING' || workRequestId === null || workRequestId !== put.workRequestId) continue
    const isEmpty = (await firstContained(ports, compartmentId)) === undefined
    const to = { region: source, queue: 'outcome', tenancyId } as const
    await sendOrPark(ports, to, { kind: 'compartmentVote', compartmentId, workRequestId, isEmpty })
  }
}
