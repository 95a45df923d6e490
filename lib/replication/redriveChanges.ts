import type { MeteredVersion } from '../kms/usage/metering.ts'
import { keySk, vaultSk } from '../kms/rows/rows.ts'
import type { Item, Tables } from '../ports.ts'
import type { Changed } from './fanOut.ts'
import { deadChanges } from './deadChanges.ts'
import { enqueue } from './messages/send.ts'
import type { Task } from './messages/task.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { tenancyOfWork } from './tenancyOfWork.ts'

/** A dead change as a stream named it: the row that changed. */
interface ChangedRow {
  readonly table: string
  readonly pk: string
  readonly sk: string
}

/**
 * Has dead changes worked again, from the outbox; resolves with how many. A change is only a reason to read its rows again,
 * so it may come late and more than once. With a tenancy only its own, as far as they say whose they are.
 */
export async function redriveChanges(
  ports: Pick<ReplicationPorts, 'tables' | 'queues' | 'region' | 'log'>,
  limit: number,
  tenancyId?: string,
): Promise<number> {
  let redriven = 0
  for (const { pk, sk, change } of await deadChanges(ports.tables, limit)) {
    if (tenancyId !== undefined && (await tenancyOfWork(ports.tables, change)) !== tenancyId) continue
    const tasks = await tasksOf(ports.tables, change as unknown as ChangedRow | Changed | MeteredVersion)
    // INVARIANT: the tasks stand in the outbox before the dead letter goes, so that a crash loses neither.
    for (const task of tasks) await enqueue(ports, 'outbox', task)
    await ports.tables.write([{ op: 'delete', table: 'Replication', pk, sk }])
    redriven += 1
    ports.log.warn('A dead change is worked again.', { change: sk, tasks: tasks.length })
  }
  return redriven
}

async function tasksOf(
  tables: Pick<Tables, 'get'>,
  change: ChangedRow | Changed | MeteredVersion,
): Promise<readonly Task[]> {
  if ('kind' in change) return [{ task: 'fanOut', changed: change }]
  if (!('table' in change)) return [{ task: 'meterVersion', version: change }]
  const { table, pk, sk } = change
  if (table === 'Vaults') return sk === vaultSk ? [fanOutOf({ kind: 'vault', vaultId: pk })] : []
  if (table === 'Keys') return keyTasks(await tables.get('Keys', pk, sk))
  if (table !== 'Identity') return []
  const row = await tables.get('Identity', pk, sk)
  const isDeletion = row?.['kind'] === 'compartment' && row['lifecycleState'] === 'DELETING'
  const identity = fanOutOf({ kind: 'identity', tenancyId: pk })
  if (!isDeletion) return [identity]
  return [identity, fanOutOf({ kind: 'compartmentDeletion', tenancyId: pk, compartmentId: textOf(row, 'id') })]
}

/** A row that is gone has nothing left to tell. */
function keyTasks(row: Item | undefined): readonly Task[] {
  if (row === undefined) return []
  const vaultId = textOf(row, 'vaultId')
  if (row.sk === keySk) return [fanOutOf({ kind: 'key', vaultId, keyId: row.pk })]
  const version: MeteredVersion = {
    id: textOf(row, 'id'),
    keyId: row.pk,
    vaultId,
    timeCreated: textOf(row, 'timeCreated'),
    isDeleted: row['lifecycleState'] === 'DELETED',
  }
  return [fanOutOf({ kind: 'key', vaultId, keyId: row.pk }), { task: 'meterVersion', version }]
}

function fanOutOf(changed: Changed): Task {
  return { task: 'fanOut', changed }
}

/** Unverified, as a stream's image is: whoever works the task reads and verifies the rows. */
function textOf(row: Item, member: string): string {
  const value = row[member]
  return typeof value === 'string' ? value : ''
}
