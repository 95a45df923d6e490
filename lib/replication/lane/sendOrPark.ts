import { MessageRefused, signed, toPeer, type DeliverPorts, type Destination } from '../messages/send.ts'
import type { Body } from '../messages/signedMessage.ts'
import { park } from './parked.ts'
import type { LanePorts } from './peerLane.ts'

/**
 * Signs and sends; where the peer cannot be reached the message is kept until it can, so that nothing else waits behind
 * it. For messages that nobody would send again.
 */
export async function sendOrPark(
  ports: DeliverPorts & LanePorts,
  { region, queue, tenancyId }: Destination,
  body: Body,
): Promise<void> {
  const envelope = await signed(ports, { tenancyId, destination: region }, body)
  try {
    await toPeer(ports, { region, name: queue }, [envelope])
  } catch (cause) {
    const { kind } = body
    if (cause instanceof MessageRefused) ports.log.error('A message was refused; it is tried again.', cause, { kind })
    else
      ports.log.warn('A peer cannot be reached; the message waits for it.', {
        peer: region,
        kind,
        cause: String(cause),
      })
    await park(ports, region, { kind: 'message', queue, envelope }, nameOf(body))
  }
}

/** What is said again every minute until the peer answers: it waits once, in its last form. */
function nameOf(body: Body): string | undefined {
  const isRepeated = body.kind === 'linkRequest' || body.kind === 'purge' || body.kind === 'compared'
  return isRepeated ? `${body.kind}#${body.vaultId}` : undefined
}
