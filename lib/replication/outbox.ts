import { isKmsError } from '../errors.ts'
import { drainLane } from './lane/drainLane.ts'
import { owe } from './lane/owe.ts'
import { park } from './lane/parked.ts'
import { sendIdentityOrPark } from './lane/sendIdentityOrPark.ts'
import { enqueue, toPeer } from './messages/send.ts'
import type { Task } from './messages/task.ts'
import { handedOff, resendKeys } from './resend.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { wantBackupKeys } from './tenancy/replicateBackupKeys.ts'

/** Does a task from the outbox. @throws where it must come again. What a peer cannot be given goes into that peer's lane. */
export async function workOutbox(ports: ReplicationPorts, task: Task): Promise<void> {
  switch (task.task) {
    case 'drain':
      return drainLane(ports, task)
    case 'makeWrappingKey':
      // As an earlier version left it here: whoever works the outbox opens no vault on AWS.
      return enqueue(ports, 'outcome', task)
    case 'wantBackupKeys':
      return wantBackupKeys(ports, task.tenancyId)
    case 'resendIdentity':
      return sendIdentityOrPark(ports, task.tenancyId, task.peer)
    case 'forward':
      return forward(ports, task)
    case 'resendVault':
      return resendVault(ports, task.vaultId)
    default:
      throw new Error(`A ${task.task} task does not belong in the outbox.`)
  }
}

/** As 0.1.0 left them for a peer that it did not reach. */
async function forward(ports: ReplicationPorts, { to, queue, envelope }: Extract<Task, { task: 'forward' }>) {
  try {
    await toPeer(ports, { region: to, name: queue }, [envelope])
  } catch {
    await park(ports, to, { kind: 'message', queue, envelope })
  }
}

async function resendVault(ports: ReplicationPorts, vaultId: string): Promise<void> {
  const [outcome] = await resendWaiting(ports, vaultId, [vaultId])
  if (outcome?.status === 'rejected') throw outcome.reason
}

/** Resends what of a vault waits by itself: its keys, or its own row, by their OCIDs. Resolves with the outcome for each. */
export async function resendWaiting(
  ports: ReplicationPorts,
  vaultId: string,
  ids: readonly string[],
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const link = await handedOff(ports, vaultId)
  if (link === undefined) return ids.map(() => ({ status: 'fulfilled', value: undefined }))
  const outcomes = await resendKeys(ports, link, ids)
  return Promise.allSettled(
    outcomes.map(async (outcome, index) => {
      if (outcome.status === 'fulfilled') return
      // Neither is mended by waiting for the peer.
      if (isKmsError(outcome.reason, 'integrityFailure') || isKmsError(outcome.reason, 'incorrectState'))
        throw outcome.reason
      await owe(ports, link.vault, link.peer, ids[index] ?? '')
    }),
  )
}
