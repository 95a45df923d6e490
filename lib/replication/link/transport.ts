import type { TransferContext, TransportKey } from '../../hsm/hsm.ts'
import { keepingPartition, transportPk } from '../../kms/vaults/partition.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import type { Item, Write } from '../../ports.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/** A transport key that waits for its bundle. The private part is wrapped under this HSM's root; deleting the row destroys it. */
interface TransportRow extends Item {
  readonly transport: TransportKey & JsonObject
  /** Unix milliseconds. Older versions did not store it: their keys are taken until they are asked for again. */
  readonly madeAt?: number
}

/** Longer than a source is away that comes back by itself, and than a message lives in a queue of AWS's by default. */
const offerDays = 7
const offerMs = offerDays * 86_400_000
export const expiredOffer = `The transfer of the keys is refused: it answers an offer of more than ${offerDays} days ago, whose transport key is not taken any more.`

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
  ports: Pick<ReplicationPorts, 'tables' | 'clock'>,
  place: TransportPlace,
): Promise<{ readonly key: TransportKey; readonly isExpired: boolean } | undefined> {
  const row = await rowAt(ports, place)
  return row && { key: row.transport, isExpired: row.madeAt !== undefined && isExpired(ports, row.madeAt) }
}

async function rowAt(
  { tables }: Pick<ReplicationPorts, 'tables'>,
  { pk, sk }: TransportPlace,
): Promise<TransportRow | undefined> {
  return (await tables.get('Replication', pk, sk)) as TransportRow | undefined
}

function isExpired({ clock }: Pick<ReplicationPorts, 'clock'>, madeAt: number): boolean {
  return clock() - madeAt > offerMs
}

/**
 * The key that waits there, made now where there is none and `stillWanted` holds: else it would wait for a bundle that has
 * come, or never comes. One that has expired, or does not say its time, gives way to a new one. Undefined where something
 * does not hold or another was faster: look again at all.
 */
export async function transportAt(
  ports: Pick<ReplicationPorts, 'tables' | 'hsm' | 'clock'>,
  place: TransportPlace,
  context: TransferContext,
  stillWanted: readonly Write[],
): Promise<TransportKey | undefined> {
  const waiting = await rowAt(ports, place)
  const madeAt = waiting?.madeAt
  if (waiting !== undefined && madeAt !== undefined && !isExpired(ports, madeAt)) return waiting.transport
  const isAsItWas =
    waiting === undefined
      ? ({ kind: 'absent' } as const)
      : ({ kind: 'fields', fields: { madeAt: madeAt ?? null } } as const)
  return keepingPartition(ports, context, async () => {
    const transport = await ports.hsm.createTransportKey(context)
    const stored = { ...transport } as TransportKey & JsonObject
    const item: TransportRow = { ...place, transport: stored, madeAt: ports.clock() }
    const outcome = await ports.tables.write([
      { op: 'put', table: 'Replication', item, condition: isAsItWas },
      ...stillWanted,
    ])
    return outcome.ok ? transport : undefined
  })
}

/** For the transaction that stores what the bundle brought: it commits once. */
export function transportUsed({ pk, sk }: TransportPlace): Write {
  return { op: 'delete', table: 'Replication', pk, sk, condition: { kind: 'fields', fields: { pk } } }
}
