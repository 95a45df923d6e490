import { eachPage } from '../../kms/rows/pages.ts'
import type { Item, PageRequest, QueueName, Tables } from '../../ports.ts'
import { callDrain, hasLane, type LanePorts } from './peerLane.ts'

/** A message that waits for its peer, or the wish to send it what it lacks of a tenancy's identity. */
export type Parked =
  | { readonly kind: 'message'; readonly queue: QueueName; readonly envelope: string }
  | { readonly kind: 'identity'; readonly tenancyId: string }

interface ParkedRow extends Item {
  /** Another one in its place has another id. */
  readonly id: string
  readonly parked: Parked & Record<string, string>
}

export interface ParkedAt {
  readonly place: Pick<ParkedRow, 'pk' | 'sk' | 'id'>
  readonly parked: Parked
}

export function parkedPk(peer: string): string {
  return `parked#${peer}`
}

/** Keeps it until the peer can be reached: nothing else waits behind it. A message with a name takes the place of the one before. */
export async function park(ports: LanePorts, peer: string, parked: Parked, name?: string): Promise<void> {
  const id = Buffer.from(ports.random(16)).toString('hex')
  // Identity first: a revocation must not wait. What a peer lacks of it is one thing, however often it is asked for.
  const sk =
    parked.kind === 'identity'
      ? `identity#${parked.tenancyId}`
      : `message#${name ?? `${String(ports.clock()).padStart(15, '0')}#${id}`}`
  const item: ParkedRow = { pk: parkedPk(peer), sk, id, parked: { ...parked } }
  await ports.tables.write([{ op: 'put', table: 'Replication', item }])
  await callDrain(ports, peer)
}

/** Everything that waits for a peer, so many at once. */
export async function* eachParked(
  tables: Pick<Tables, 'query'>,
  peer: string,
  limit: number,
): AsyncGenerator<readonly ParkedAt[]> {
  const read = (request: PageRequest) => tables.query('Replication', parkedPk(peer), '', request)
  for await (const rows of eachPage(read, { limit }))
    yield (rows as readonly ParkedRow[]).map(({ pk, sk, id, parked }) => ({ place: { pk, sk, id }, parked }))
}

/** Whether a message waits for the peer, or somebody has given it up: a message of the outbox may have been lost. */
export async function isOwed(tables: Pick<Tables, 'get' | 'query'>, peer: string): Promise<boolean> {
  return (await hasLane(tables, peer)) || (await parkedCount(tables, peer, 1)) > 0
}

/** How many messages wait for the peer; it stops counting at the limit. */
export async function parkedCount(tables: Pick<Tables, 'query'>, peer: string, limit: number): Promise<number> {
  return (await tables.query('Replication', parkedPk(peer), '', { limit })).items.length
}

/** It was sent. What was put in its place since stays. */
export async function unpark(tables: Pick<Tables, 'write'>, { place: { pk, sk, id } }: ParkedAt): Promise<void> {
  await tables.write([{ op: 'delete', table: 'Replication', pk, sk, condition: { kind: 'fields', fields: { id } } }])
}
