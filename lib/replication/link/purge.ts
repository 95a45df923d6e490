import { KmsError } from '../../errors.ts'
import { meterEnd } from '../../kms/usage/metering.ts'
import type { Write } from '../../ports.ts'
import {
  keyListingPartition,
  keySk,
  listingShards,
  vaultSk,
  wrappingKeySk,
  type KeyVersionRow,
} from '../../kms/rows/rows.ts'
import { vaultKeysSk } from '../../kms/vaults/vaultCache.ts'
import { prefixRow } from '../../kms/vaults/vaults.ts'
import { coverageDelete } from '../apply.ts'
import { ChangedMeanwhile } from '../changedMeanwhile.ts'
import { leave, sendOrStore, type Task } from '../messages/send.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import { knownFence, raiseFence } from './fence.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

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
    if (vault.row.primaryRegion !== source || vault.row.tenancyId !== tenancyId) {
      throw new KmsError('integrityFailure', `${source} does not write the vault ${vaultId}.`)
    }
    const { pk, sk } = prefixRow(vault.row)
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
  } else if (known === undefined || known < fence) {
    await ports.tables.write([raiseFence(vaultId, fence)])
  }
  await purgeKeys(ports, { task: 'purgeKeys', vaultId, fence, tenancyId, source, shard: 0 })
}

/** Shard by shard; a full pass that finds nothing more ends it. */
export async function purgeKeys(ports: ReplicationPorts, task: PurgeTask): Promise<void> {
  // A vault that stands again was replicated anew: these rows are its own.
  if ((await ports.tables.get('Vaults', task.vaultId, vaultSk)) !== undefined) return
  for (let { shard } = task; shard < listingShards; shard += 1) {
    const page = await ports.tables.queryIndex('Keys', 'byTime', keyListingPartition(task.vaultId, shard), {
      limit: 25,
    })
    for (const { pk } of page.items) await purgeKey(ports, task.tenancyId, pk)
    if (page.items.length > 0) return leave(ports, 'inbox', { ...task, shard })
  }
  const { vaultId, fence, source, tenancyId } = task
  await sendOrStore(ports, { region: source, queue: 'outcome', tenancyId }, { kind: 'purged', vaultId, fence })
}

/** Versions first: a crash in between leaves the key in the listing, where the next pass finds it. */
async function purgeKey({ tables, clock }: ReplicationPorts, tenancyId: string, keyId: string): Promise<void> {
  for (;;) {
    const page = await tables.query('Keys', keyId, 'version#', { limit: 90 })
    if (page.items.length === 0) break
    for (const { id } of page.items as unknown as readonly KeyVersionRow[])
      await meterEnd(tables, tenancyId, id, clock())
    await tables.write(page.items.map(({ pk, sk }): Write => ({ op: 'delete', table: 'Keys', pk, sk })))
  }
  await tables.write([{ op: 'delete', table: 'Keys', pk: keyId, sk: keySk }, coverageDelete(keyId)])
}
