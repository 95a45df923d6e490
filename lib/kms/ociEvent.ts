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

/**
 * An event in OCI's envelope (contract §10.1). Bodies never enter it: no plaintext, ciphertext or key material can. Its
 * members stand in the order of its canonical text, which is what is hashed: so they need not be sorted again.
 */
export function ociEvent(facts: EventFacts): AuditEvent {
  const { identity, request, response } = facts
  return {
    cloudEventsVersion: '0.1',
    contentType: 'application/json',
    data: {
      additionalDetails: { ...facts.details },
      availabilityDomain: null,
      compartmentId: facts.compartmentId,
      compartmentName: facts.compartmentName ?? null,
      definedTags: {},
      eventGroupingId: facts.groupingId,
      eventName: facts.operation,
      freeformTags: {},
      identity: {
        authType: identity.authType,
        callerId: null,
        callerName: null,
        consoleSessionId: null,
        credentials: identity.credentials ?? null,
        ipAddress: identity.ipAddress ?? null,
        principalId: identity.principalId,
        principalName: identity.principalName,
        tenantId: identity.tenantId,
        userAgent: identity.userAgent ?? null,
      },
      request: request ?? { action: null, headers: {}, id: null, parameters: {}, path: null },
      resourceId: facts.resourceId,
      resourceName: facts.resourceName,
      response: {
        headers: {},
        message: response.message ?? null,
        payload: {},
        responseTime: response.responseTime,
        status: String(response.status),
      },
      stateChange: { current: facts.current ?? null, previous: facts.previous ?? null },
    },
    eventId: facts.eventId,
    eventTime: facts.eventTime,
    eventType: `com.oraclecloud.${facts.service}.${facts.operation}${facts.suffix ?? ''}`,
    eventTypeVersion: '2.0',
    source: facts.resourceName ?? 'vaultspan',
  }
}
