import type { AuditEvent } from './audit.ts'
import type { KmsPorts } from './kmsPorts.ts'
import type { AuditEffect } from './mutation.ts'
import { unsignedEvent } from './unsignedEvent.ts'

/** What whoever has the host does past the API, as the audit names it. */
const services = {
  ResetAdministrator: 'IdentityControlPlane',
  TrustRegion: 'IdentityControlPlane',
  ForgetRegion: 'IdentityControlPlane',
  RecoverRegion: 'KeyManagementService',
  RestoreHsm: 'KeyManagementService',
  SetSoftwareReplicas: 'KeyManagementService',
  TakeTokens: 'KeyManagementService',
} as const

export type OperatorAct = keyof typeof services

/** Nobody has signed anything: all that is known is that it was done where the data lies. */
const operator = { principalName: 'operator at the host', principalId: null, authType: 'host' } as const

/** What was done to the tenancy as a whole, or to what `resourceId` names. */
export type OperatorEffect = Omit<AuditEffect, 'compartmentId' | 'suffix'>

export function operatorEvent(
  ports: Pick<KmsPorts, 'clock' | 'random'>,
  tenancyId: string,
  act: OperatorAct,
  effect: OperatorEffect,
): AuditEvent {
  return unsignedEvent(ports, tenancyId, {
    service: services[act],
    operation: act,
    principal: operator,
    effect: { compartmentId: tenancyId, ...effect },
  })
}
