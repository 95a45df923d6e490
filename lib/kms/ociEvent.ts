import { canonicalJson, type Json, type JsonObject } from '../canonicalJson.ts'
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
    /** By an API key or a session's key, by a token of an issuer that the tenancy trusts, by the service itself, or at its host. */
    readonly authType: 'natv' | 'federated' | 'service' | 'host'
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
 * The event that was made last, where its JSON is its canonical text because every member is in its place: nearly every event is
 * made into text before the next one is made.
 */
let newestInOrder: AuditEvent | undefined

/** The canonical text of an event, which is what is hashed: for most at the cost of their JSON. */
export function eventText(event: AuditEvent): string {
  return event === newestInOrder ? JSON.stringify(event) : canonicalJson(event)
}

/** An event in OCI's envelope (contract §10.1). Bodies never enter it: no plaintext, ciphertext or key material can. */
export function ociEvent(facts: EventFacts): AuditEvent {
  const event = envelope(facts)
  const { details, request, previous, current } = facts
  const given = [details, request?.headers, request?.parameters, previous, current]
  newestInOrder = given.every(isInOrder) ? event : undefined
  return event
}

function isInOrder(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return true
  const names = Object.keys(value)
  const isSorted = names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name)
  return isSorted && Object.values(value).every(isInOrder)
}

/** INVARIANT: members stand in the order of their names, all the way down. */
function envelope(facts: EventFacts): AuditEvent {
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
      request: {
        action: request?.action ?? null,
        headers: request?.headers ?? {},
        id: request?.id ?? null,
        parameters: request?.parameters ?? {},
        path: request?.path ?? null,
      },
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
