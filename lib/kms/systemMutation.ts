import { markedAuditWrites, newEventId, type AuditEvent } from './audit.ts'
import type { KmsPorts } from './kmsPorts.ts'
import type { AuditEffect, Mutation } from './mutation.ts'
import { ociEvent } from './ociEvent.ts'
import type { Write } from '../ports.ts'

/** What the service itself does when it falls due, as the audit names it. */
export type SystemOperation = 'ImportVault' | 'DeleteVault' | 'DeleteKey' | 'DeleteKeyVersion' | 'RotateKey'

const service = 'keymanagementservice'

type Ports = Pick<KmsPorts, 'clock' | 'random'>

/** A change that no caller asked for: without retry token and if-match, audited under the service's own name. */
export function systemMutation(ports: Ports, tenancyId: string, operation: SystemOperation): Mutation {
  return { audit: (effect) => markedAuditWrites(systemEvent(ports, tenancyId, operation, effect)) }
}

/** The event as writes, the mark of its minute among them. */
export function systemAudit(
  ports: Ports,
  tenancyId: string,
  operation: SystemOperation,
  effect: AuditEffect,
): readonly Write[] {
  return markedAuditWrites(systemEvent(ports, tenancyId, operation, effect))
}

function systemEvent(
  { clock, random }: Ports,
  tenancyId: string,
  operation: SystemOperation,
  effect: AuditEffect,
): AuditEvent {
  const eventTime = new Date(clock()).toISOString()
  return ociEvent({
    service: 'KeyManagementService',
    operation,
    eventId: newEventId(random),
    groupingId: newEventId(random),
    eventTime,
    ...effect,
    identity: { principalName: service, principalId: service, authType: 'service', tenantId: tenancyId },
    response: { status: 200, responseTime: eventTime },
  })
}
