import type { Change, HandOff } from '../kms/kmsPorts.ts'
import { isAtLeast } from '../kms/rows/epoch.ts'
import type { VaultRow } from '../kms/rows/rows.ts'
import { markAtRisk } from './atRisk.ts'
import { signed, toPeer } from './messages/send.ts'
import { coveredOrder } from './messages/receipts.ts'
import { keyRecords, vaultRecord, type KeyRecord, type VaultRecord } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { withinBudget } from './withinBudget.ts'

type HandOffPorts = Pick<
  ReplicationPorts,
  'tables' | 'queues' | 'hsm' | 'clock' | 'timers' | 'region' | 'log' | 'commitMark'
>

interface HandOffOptions {
  readonly isStrict: boolean
  /** How long an answer may wait for the replica's inbox. */
  readonly budgetMs: number
}

/** Rule 4: a change is in the replica's inbox before it is answered. */
export function createHandOff(ports: HandOffPorts, { isStrict, budgetMs }: HandOffOptions): HandOff {
  return {
    isStrict,
    send: async (change) => {
      const peer = change.vault.row.handOffTo
      if (peer === null) return true
      try {
        await withinBudget(ports.timers, sendChange(ports, change, peer), budgetMs, peer)
        return true
      } catch (cause) {
        const resource = change.key ?? change.vault.row
        ports.log.warn('A change could not be handed off.', { peer, resource: resource.id, cause: String(cause) })
        await markAtRisk(ports.tables, change.vault, peer, resource, ports.clock())
        return false
      }
    },
  }
}

/** Sends what the replica lacks of the changed resource, the change included. @throws where it cannot be reached. */
async function sendChange(ports: HandOffPorts, { vault, key, versions, before }: Change, peer: string): Promise<void> {
  const covered = await coveredOrder(ports.tables, vault, key?.id ?? vault.row.id)
  if (covered !== null && isAtLeast(covered, key ?? vault.row)) return
  if (key === undefined) return sendRecords(ports, vault.row, peer, [await vaultRecord(ports.tables, vault.row)])
  // Of a new key the change is all there is; after a receipt of the state before, it is all that is missing.
  const isAll =
    covered === null ? before === 0 : covered.epoch === key.epoch && covered.revision >= (before ?? Infinity)
  const options = { whole: covered, isAll, ...(versions === undefined ? {} : { changed: versions }) }
  await sendRecords(ports, vault.row, peer, await keyRecords(ports.tables, key, options))
}

export async function sendRecords(
  ports: Pick<ReplicationPorts, 'hsm' | 'queues' | 'clock' | 'timers' | 'region' | 'log' | 'commitMark'>,
  { id: vaultId, fence, tenancyId }: VaultRow,
  peer: string,
  records: readonly (KeyRecord | VaultRecord)[],
): Promise<void> {
  const envelopes: string[] = []
  const to = { region: peer, name: 'inbox' } as const
  for (const batch of batches(records)) {
    const body = { kind: 'records', vaultId, fence, records: batch } as const
    envelopes.push(await signed(ports, { tenancyId, destination: peer }, body))
    if (envelopes.length === maxEnvelopes) await toPeer(ports, to, envelopes.splice(0))
  }
  if (envelopes.length > 0) await toPeer(ports, to, envelopes)
}

/** So many go to the peer in one request. */
const maxEnvelopes = 10

/** A message has at most 256,000 bytes; canonical text inside JSON grows by its quotes. */
const maxBatchBytes = 150_000

function* batches(records: readonly (KeyRecord | VaultRecord)[]): Generator<readonly (KeyRecord | VaultRecord)[]> {
  if (records.length === 1) {
    yield records
    return
  }
  let batch: (KeyRecord | VaultRecord)[] = []
  let bytes = 0
  for (const record of records) {
    const size = JSON.stringify(record).length
    if (batch.length > 0 && bytes + size > maxBatchBytes) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
