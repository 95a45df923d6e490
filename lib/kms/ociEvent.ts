import type { Json, JsonObject } from '../canonicalJson.ts'
import type { AuditEvent } from './audit.ts'

/** What an event says; what is not given is null or empty in OCI's envelope. */
export interface EventFacts {
  readonly service: 'KeyManagementService' | 'IdentityControlPlane' | 'Audit'
  /** The operation, without the suffix of a change that ends later. */
  readonly operation: string
  readonly suffix?: string
  readonly eventId: string
  /** Shared by an event and the end that belongs to it. */
  readonly groupingId: string
  readonly eventTime: string
  readonly compartmentId: string
  readonly compartmentName?: string | null
  readonly resourceName: string | null
  readonly resourceId: string | null
  readonly identity: {
    readonly principalName: string | null
    /** Null where nobody is named. */
    readonly principalId: string | null
    readonly tenantId: string
  } & {
    readonly authType: 'natv' | 'service'
    readonly ipAddress?: string
    readonly credentials?: string | null
    readonly userAgent?: string | null
  }
  readonly request?: JsonObject & {
    readonly id: string
    readonly path: string
    readonly action: string
    readonly parameters: JsonObject
    readonly headers: JsonObject
  }
  readonly response: { readonly status: number; readonly responseTime: string; readonly message?: string }
  readonly previous?: Json | undefined
  readonly current?: Json | undefined
  readonly details?: JsonObject | undefined
}

/** An event in OCI's envelope (contract §10.1). Bodies never enter it: no plaintext, ciphertext or key material can. */
export function ociEvent(facts: EventFacts): AuditEvent {
  const { identity, request, response } = facts
  return {
    eventType: `com.oraclecloud.${facts.service}.${facts.operation}${facts.suffix ?? ''}`,
    cloudEventsVersion: '0.1',
    eventTypeVersion: '2.0',
    source: facts.resourceName ?? 'vaultspan',
    eventId: facts.eventId,
    eventTime: facts.eventTime,
    contentType: 'application/json',
    data: {
      eventGroupingId: facts.groupingId,
      eventName: facts.operation,
      compartmentId: facts.compartmentId,
      compartmentName: facts.compartmentName ?? null,
      resourceName: facts.resourceName,
      resourceId: facts.resourceId,
      availabilityDomain: null,
      freeformTags: {},
      definedTags: {},
      identity: {
        principalName: identity.principalName,
        principalId: identity.principalId,
        authType: identity.authType,
        callerName: null,
        callerId: null,
        tenantId: identity.tenantId,
        ipAddress: identity.ipAddress ?? null,
        credentials: identity.credentials ?? null,
        userAgent: identity.userAgent ?? null,
        consoleSessionId: null,
      },
      request: request ?? { id: null, path: null, action: null, parameters: {}, headers: {} },
      response: {
        status: String(response.status),
        responseTime: response.responseTime,
        headers: {},
        payload: {},
        message: response.message ?? null,
      },
      stateChange: { previous: facts.previous ?? null, current: facts.current ?? null },
      additionalDetails: { ...facts.details },
    },
  }
}
