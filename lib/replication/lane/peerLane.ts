import type { Item, Tables } from '../../ports.ts'
import { enqueue } from '../messages/send.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/**
 * What is owed to a peer that cannot be reached lies in the Replication table, by peer: the marks of what is at risk
 * (atRisk.ts) and the messages that nobody would send again (parked.ts). In the outbox stands one message for all of it,
 * which tries the peer again and again and, once that answers, brings everything over (drainLane.ts).
 */
interface LaneRow extends Item {
  /** Names the one message of the outbox that counts: others for this peer end without a try. */
  readonly drain: string
  /** Unix milliseconds: of its last try. */
  readonly triedAt: number
}

export type LanePorts = Pick<ReplicationPorts, 'tables' | 'queues' | 'region' | 'clock' | 'random'>

export function lanePk(peer: string): string {
  return `lane#${peer}`
}

function laneKey(peer: string): { readonly pk: string; readonly sk: string } {
  return { pk: lanePk(peer), sk: 'lane' }
}

/** Longer than any pause between two tries: a message of the outbox that was not tried for so long is lost. */
const lostMs = 5 * 60_000

async function laneOf(tables: Pick<Tables, 'get'>, peer: string): Promise<LaneRow | undefined> {
  const { pk, sk } = laneKey(peer)
  return (await tables.get('Replication', pk, sk)) as LaneRow | undefined
}

export async function hasLane(tables: Pick<Tables, 'get'>, peer: string): Promise<boolean> {
  return (await laneOf(tables, peer)) !== undefined
}

/** Whether the peer could not be reached lately and a message of the outbox stands for all that it is owed. */
export async function isAway({ tables, clock }: Pick<LanePorts, 'tables' | 'clock'>, peer: string): Promise<boolean> {
  const lane = await laneOf(tables, peer)
  return lane !== undefined && clock() - lane.triedAt < lostMs
}

/**
 * Sees to it that the outbox holds a message for the peer.
 * INVARIANT: what the peer is owed is stored before this is called. Where a lane stands then, its drain has not begun to
 * read what there is, because it takes the lane away first.
 */
export async function callDrain(ports: LanePorts, peer: string, delaySeconds = 0): Promise<void> {
  const { tables, clock, random } = ports
  const lane = await laneOf(tables, peer)
  if (lane !== undefined && clock() - lane.triedAt < lostMs) return
  const drain = Buffer.from(random(16)).toString('hex')
  const { ok } = await tables.write([
    {
      op: 'put',
      table: 'Replication',
      item: laneRow(peer, drain, clock()),
      condition: lane === undefined ? { kind: 'absent' } : standing(lane),
    },
  ])
  if (!ok) return
  try {
    await enqueue(ports, 'outbox', { task: 'drain', peer, drain, after: null }, delaySeconds)
  } catch (cause) {
    await endLane(tables, peer, drain)
    throw cause
  }
}

/** What a message of the outbox finds: its own lane, none (it was taken away before, by this message or one like it), or another's. */
export async function standingLane(
  tables: Pick<Tables, 'get'>,
  peer: string,
  drain: string,
): Promise<'own' | 'none' | 'other'> {
  const lane = await laneOf(tables, peer)
  if (lane === undefined) return 'none'
  return lane.drain === drain ? 'own' : 'other'
}

/** Notes that the peer was tried again in vain. */
export async function noteTry(
  { tables, clock }: Pick<LanePorts, 'tables' | 'clock'>,
  peer: string,
  drain: string,
): Promise<void> {
  const condition = { kind: 'fields', fields: { drain } } as const
  await tables.write([{ op: 'put', table: 'Replication', item: laneRow(peer, drain, clock()), condition }])
}

/** From here on whoever does not reach the peer puts a new message into the outbox. */
export async function endLane(tables: Pick<Tables, 'write'>, peer: string, drain: string): Promise<void> {
  const condition = { kind: 'fields', fields: { drain } } as const
  await tables.write([{ op: 'delete', table: 'Replication', ...laneKey(peer), condition }])
}

function laneRow(peer: string, drain: string, triedAt: number): LaneRow {
  return { ...laneKey(peer), drain, triedAt }
}

function standing({ drain, triedAt }: LaneRow) {
  return { kind: 'fields', fields: { drain, triedAt } } as const
}

const drainingSk = 'draining'
/** Longer than a drain works before it says so again. */
const drainingMs = 30_000

/** While a drain goes on a comparison would find, and send, all that is on its way. */
export async function isBeingDrained(tables: Pick<Tables, 'get'>, peer: string): Promise<boolean> {
  return (await tables.get('Replication', lanePk(peer), drainingSk)) !== undefined
}

/** Holds for a while only: whoever dies while it drains keeps nobody from comparing. */
export async function beginDraining(
  { tables, clock }: Pick<LanePorts, 'tables' | 'clock'>,
  peer: string,
): Promise<void> {
  const expiresAt = Math.ceil((clock() + drainingMs) / 1000)
  await tables.write([{ op: 'put', table: 'Replication', item: { pk: lanePk(peer), sk: drainingSk, expiresAt } }])
}

export async function endDraining(tables: Pick<Tables, 'write'>, peer: string): Promise<void> {
  await tables.write([{ op: 'delete', table: 'Replication', pk: lanePk(peer), sk: drainingSk }])
}
