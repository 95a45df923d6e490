import type { TransferContext, TransportKey } from '../../hsm/hsm.ts'
import { keepingPartition, transportPk } from '../../kms/vaults/partition.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import type { Item, Write } from '../../ports.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/** A transport key that waits for its bundle. The private part is wrapped under this HSM's root; deleting the row destroys it. */
interface TransportRow extends Item {
  readonly transport: TransportKey & JsonObject
}

export interface TransportPlace {
  readonly pk: string
  readonly sk: string
}

export function fenceSk(fence: number): string {
  return String(fence).padStart(10, '0')
}

/** For a purge: what was offered under this fence or an earlier one is asked for no more. */
export async function withoutTransports(
  { tables }: Pick<ReplicationPorts, 'tables'>,
  vaultId: string,
  fence: number,
): Promise<readonly Write[]> {
  const { items } = await tables.query('Replication', transportPk(vaultId), '', { limit: 50 })
  const old = items.filter(({ sk }) => sk <= fenceSk(fence))
  return old.map(({ pk, sk }) => ({ op: 'delete', table: 'Replication', pk, sk }))
}

export async function waitingTransport(
  { tables }: Pick<ReplicationPorts, 'tables'>,
  { pk, sk }: TransportPlace,
): Promise<TransportKey | undefined> {
  return ((await tables.get('Replication', pk, sk)) as TransportRow | undefined)?.transport
}

/**
 * The key that waits there, made now where there is none and `stillWanted` holds: else it would wait for a bundle that has
 * come, or never comes. Undefined where it does not hold or another was faster: look again at all.
 */
export async function transportAt(
  ports: Pick<ReplicationPorts, 'tables' | 'hsm'>,
  place: TransportPlace,
  context: TransferContext,
  stillWanted: readonly Write[],
): Promise<TransportKey | undefined> {
  const waiting = await waitingTransport(ports, place)
  if (waiting !== undefined) return waiting
  return keepingPartition(ports, context, async () => {
    const transport = await ports.hsm.createTransportKey(context)
    const item: TransportRow = { ...place, transport: { ...transport } as TransportKey & JsonObject }
    const outcome = await ports.tables.write([
      { op: 'put', table: 'Replication', item, condition: { kind: 'absent' } },
      ...stillWanted,
    ])
    return outcome.ok ? transport : undefined
  })
}

/** For the transaction that stores what the bundle brought: it commits once. */
export function transportUsed({ pk, sk }: TransportPlace): Write {
  return { op: 'delete', table: 'Replication', pk, sk, condition: { kind: 'fields', fields: { pk } } }
}
