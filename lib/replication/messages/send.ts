import type { QueueAddress, QueueName } from '../../ports.ts'
import { signMessage, type Address, type Body } from './signedMessage.ts'
import { isRefusal } from '../../isRefusal.ts'
import { messageOf } from '../../userError.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { taskText, type Task } from './task.ts'
import { withinBudget } from '../withinBudget.ts'

export type DeliverPorts = Pick<
  ReplicationPorts,
  'hsm' | 'queues' | 'clock' | 'timers' | 'region' | 'log' | 'commitMark'
>

export interface Destination {
  readonly region: string
  readonly queue: 'inbox' | 'outcome'
  readonly tenancyId: string
}

export function signed(ports: DeliverPorts, to: Address, body: Body): Promise<string> {
  return signMessage(ports.hsm, to, ports.clock(), body, ports.commitMark?.())
}

/** Signs and sends. @throws where the peer cannot be reached. */
export async function send(ports: DeliverPorts, { region, queue, tenancyId }: Destination, body: Body): Promise<void> {
  await toPeer(ports, { region, name: queue }, [await signed(ports, { tenancyId, destination: region }, body)])
}

/** An outage, not a fault of this region: it is over when the peer answers again. */
export class PeerUnreachable extends Error {}

/** The peer is there, and does not take this message: it would not take it a second time either. */
export class MessageRefused extends Error {}

/** A peer that takes longer counts as one that cannot be reached, so that nobody waits behind it. */
const peerTimeoutMs = 5_000

/** @throws PeerUnreachable, MessageRefused */
export async function toPeer(
  { queues, timers }: Pick<DeliverPorts, 'queues' | 'timers'>,
  to: QueueAddress,
  envelopes: readonly string[],
): Promise<void> {
  const messages = envelopes.map((body) => ({ body }))
  try {
    await withinBudget(timers, queues.send(to, messages), peerTimeoutMs, to.region)
  } catch (cause) {
    if (isRefusal(cause)) throw new MessageRefused(`${to.region} takes no such message: ${messageOf(cause)}`, { cause })
    throw new PeerUnreachable(`${to.region} cannot be reached: ${messageOf(cause)}`, { cause })
  }
}

/** Puts a task for this region itself into one of its queues. */
export async function enqueue(
  ports: Pick<ReplicationPorts, 'queues' | 'region'>,
  queue: QueueName,
  task: Task,
  delaySeconds = 0,
): Promise<void> {
  await ports.queues.send({ region: ports.region, name: queue }, [
    { body: taskText(task), ...(delaySeconds > 0 ? { delaySeconds } : {}) },
  ])
}
