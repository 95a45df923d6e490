import { markedAuditWrites, type AuditEvent } from './audit.ts'
import type { KmsPorts } from './kmsPorts.ts'
import type { AuditEffect, Mutation } from './mutation.ts'
import { unsignedEvent } from './unsignedEvent.ts'
import type { Write } from '../ports.ts'

/** What the service itself does when it falls due, as the audit names it. */
export type SystemOperation =
  'ImportVault' | 'DeleteVault' | 'DeleteKey' | 'DeleteKeyVersion' | 'RotateKey' | 'RefuseVaultTransfer'

const service = 'keymanagementservice'
const principal = { principalName: service, principalId: service, authType: 'service' } as const

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

function systemEvent(ports: Ports, tenancyId: string, operation: SystemOperation, effect: AuditEffect): AuditEvent {
  return unsignedEvent(ports, tenancyId, { service: 'KeyManagementService', operation, principal, effect })
}
