import { newEventId, type AuditEvent } from './audit.ts'
import type { KmsPorts } from './kmsPorts.ts'
import type { AuditEffect } from './mutation.ts'
import { ociEvent, type EventFacts } from './ociEvent.ts'

interface Unsigned {
  readonly service: EventFacts['service']
  readonly operation: string
  readonly principal: Omit<EventFacts['identity'], 'tenantId'>
  readonly effect: AuditEffect
}

/** The event of a change for which nobody signed a request: it was done when it is told. */
export function unsignedEvent(
  { clock, random }: Pick<KmsPorts, 'clock' | 'random'>,
  tenancyId: string,
  { service, operation, principal, effect }: Unsigned,
): AuditEvent {
  const eventTime = new Date(clock()).toISOString()
  return ociEvent({
    service,
    operation,
    eventId: newEventId(random),
    groupingId: newEventId(random),
    eventTime,
    ...effect,
    identity: { ...principal, tenantId: tenancyId },
    response: { status: 200, responseTime: eventTime },
  })
}
