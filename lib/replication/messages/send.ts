import type { QueueAddress, QueueName } from '../../ports.ts'
import { signMessage, type Address, type Body } from './signedMessage.ts'
import { messageOf } from '../../userError.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { taskText, type Task } from './task.ts'
import { withinBudget } from '../withinBudget.ts'

type DeliverPorts = Pick<ReplicationPorts, 'hsm' | 'queues' | 'clock' | 'timers' | 'region' | 'log' | 'commitMark'>

interface Destination {
  readonly region: string
  readonly queue: 'inbox' | 'outcome'
  readonly tenancyId: string
}

function signed(ports: DeliverPorts, to: Address, body: Body): Promise<string> {
  return signMessage(ports.hsm, to, ports.clock(), body, ports.commitMark?.())
}

/** Signs and sends. @throws where the peer cannot be reached. */
export async function send(ports: DeliverPorts, { region, queue, tenancyId }: Destination, body: Body): Promise<void> {
  const envelope = await signed(ports, { tenancyId, destination: region }, body)
  await toPeer(ports, { region, name: queue }, envelope)
}

/**
 * Signs and sends; where the peer cannot be reached the message waits in this region's outbox, so that nothing else
 * waits behind it. For messages that nobody would send again.
 */
export async function sendOrStore(
  ports: DeliverPorts,
  { region, queue, tenancyId }: Destination,
  body: Body,
): Promise<void> {
  const envelope = await signed(ports, { tenancyId, destination: region }, body)
  try {
    await toPeer(ports, { region, name: queue }, envelope)
  } catch (cause) {
    ports.log.warn('A peer cannot be reached; the message waits in the outbox.', {
      peer: region,
      kind: body.kind,
      cause: String(cause),
    })
    await enqueue(ports, 'outbox', { task: 'forward', to: region, queue, envelope })
  }
}

/** An outage, not a fault of this region: it is over when the peer answers again. */
export class PeerUnreachable extends Error {}

/** A peer that takes longer counts as one that cannot be reached, so that nobody waits behind it. */
const peerTimeoutMs = 5_000

/** @throws PeerUnreachable */
export async function toPeer(
  { queues, timers }: Pick<DeliverPorts, 'queues' | 'timers'>,
  to: QueueAddress,
  envelope: string,
): Promise<void> {
  try {
    await withinBudget(timers, queues.send(to, [{ body: envelope }]), peerTimeoutMs, to.region)
  } catch (cause) {
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
