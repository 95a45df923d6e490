import { KmsError } from '../../errors.ts'
import { meterEnd } from '../../kms/usage/metering.ts'
import type { Write } from '../../ports.ts'
import { treeRemains, treeWrites } from '../../kms/rows/digestTree.ts'
import { everyKeyId } from '../../kms/rows/everyKey.ts'
import { keySk, vaultSk, versionSkPrefix, wrappingKeySk, type KeyVersionRow } from '../../kms/rows/rows.ts'
import { vaultContext } from '../../kms/rows/rowMac.ts'
import { storedVaultKeys, vaultKeysSk } from '../../kms/vaultCache.ts'
import { settlePartition } from '../../kms/vaults/partition.ts'
import { prefixRow } from '../../kms/vaults/vaults.ts'
import { realm } from '../../ocid.ts'
import { coverageDelete } from '../coverage.ts'
import { ChangedMeanwhile } from '../changedMeanwhile.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import { enqueue } from '../messages/send.ts'
import type { Task } from '../messages/task.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import { knownFence, raiseFence } from './fence.ts'
import { cursorDelete } from '../recount.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { withoutTransports } from './transport.ts'

type PurgeTask = Extract<Task, { task: 'purgeKeys' }>

/**
 * Takes a replica away: first the fence, the vault's row and its keys in one transaction, so that nothing decrypts and
 * no late record is taken any more; then the key rows, page by page.
 */
export async function onPurge(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  body: BodyOf<'purge'>,
): Promise<void> {
  const { vaultId, fence } = body
  const known = await knownFence(ports.tables, vaultId)
  if (known !== undefined && fence < known) return
  const vault = await ports.cache.freshVault(vaultId)
  if (vault !== undefined && vault.row.fence < fence) {
    const { primaryRegion } = vault.row
    if (primaryRegion !== source || primaryRegion === ports.region || vault.row.tenancyId !== tenancyId) {
      throw new KmsError('integrityFailure', `${source} does not write the vault ${vaultId}.`)
    }
    const { pk, sk } = prefixRow(vault.row)
    const wrapped = await storedVaultKeys(ports.tables, vaultId)
    const outcome = await ports.tables.write([
      {
        op: 'delete',
        table: 'Vaults',
        pk: vaultId,
        sk: vaultSk,
        condition: { kind: 'fields', fields: { primaryRegion: source } },
      },
      { op: 'delete', table: 'Vaults', pk: vaultId, sk: vaultKeysSk },
      { op: 'delete', table: 'Vaults', pk: vaultId, sk: wrappingKeySk },
      { op: 'delete', table: 'Vaults', pk, sk },
      ...(known === fence ? [] : [raiseFence(vaultId, fence)]),
    ])
    if (!outcome.ok) throw new ChangedMeanwhile(vaultId)
    // What is open of it in memory, or in a token, is closed.
    if (wrapped !== undefined) ports.hsm.withoutKeks(vaultContext(vault.row), wrapped)
  } else if (known === undefined || known < fence) {
    // Where none stands: keys that come at this very moment must find the fence, or this must find the vault.
    const outcome = await ports.tables.write([
      raiseFence(vaultId, fence),
      ...(vault === undefined ? [isAway(vaultId)] : []),
    ])
    if (!outcome.ok) throw new ChangedMeanwhile(vaultId)
  }
  await purgeKeys(ports, { task: 'purgeKeys', vaultId, fence, tenancyId, source })
}

const pageSize = 25

/** A page of keys; a pass that finds nothing more ends it. */
export async function purgeKeys(ports: ReplicationPorts, task: PurgeTask): Promise<void> {
  const { vaultId, fence, source, tenancyId } = task
  let count = 0
  for await (const keyId of everyKeyId(ports.tables, vaultId)) {
    if (!(await purgeKey(ports, task, keyId))) return
    count += 1
    if (count >= pageSize) return enqueue(ports, 'inbox', task)
  }
  const remains = [
    ...(await treeRemains(ports.tables, vaultId)),
    ...(await withoutTransports(ports, vaultId, fence)),
    cursorDelete(vaultId),
  ]
  if (!(await purged(ports, vaultId, remains))) return
  await settlePartition(ports, { realm, tenancyId, vaultId, isPrivate: true }, 'isDeleted')
  await sendOrPark(ports, { region: source, queue: 'outcome', tenancyId }, { kind: 'purged', vaultId, fence })
}

/**
 * What is known of the key goes first, so that nobody believes in rows that are going; then its versions, then the key
 * with its entry: a crash in between leaves the entry, by which the next pass finds it. False: the vault stands again.
 */
async function purgeKey(ports: ReplicationPorts, { vaultId, tenancyId }: PurgeTask, keyId: string): Promise<boolean> {
  const { tables, clock } = ports
  if (!(await purged(ports, vaultId, [coverageDelete(keyId)]))) return false
  for (;;) {
    const page = await tables.query('Keys', keyId, versionSkPrefix, { limit: 90 })
    if (page.items.length === 0) break
    for (const { id } of page.items as unknown as readonly KeyVersionRow[])
      await meterEnd(tables, tenancyId, id, clock())
    const writes = page.items.map(({ pk, sk }): Write => ({ op: 'delete', table: 'Keys', pk, sk }))
    if (!(await purged(ports, vaultId, writes))) return false
  }
  const gone = { id: keyId, epoch: '', revision: 0, digest: undefined }
  const last: Write = { op: 'delete', table: 'Keys', pk: keyId, sk: keySk }
  return purged(ports, vaultId, [last, ...(await treeWrites(tables, vaultId, gone))])
}

/** In transactions that commit only while the vault is away: what its next replica stores is never taken along. */
async function purged({ tables }: ReplicationPorts, vaultId: string, writes: readonly Write[]): Promise<boolean> {
  for (let from = 0; from < writes.length; from += 90) {
    const outcome = await tables.write([isAway(vaultId), ...writes.slice(from, from + 90)])
    if (outcome.ok) continue
    if (outcome.failed.includes(0)) return false
    throw new ChangedMeanwhile(vaultId)
  }
  return true
}

function isAway(vaultId: string): Write {
  return { op: 'check', table: 'Vaults', pk: vaultId, sk: vaultSk, condition: { kind: 'absent' } }
}
