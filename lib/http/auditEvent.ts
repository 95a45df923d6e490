import type { Json } from '../canonicalJson.ts'
import { newEventId, type AuditEvent } from '../kms/audit.ts'
import type { RandomBytes } from '../ocid.ts'
import type { AuditEffect } from '../kms/mutation.ts'
import { ociEvent } from '../kms/ociEvent.ts'
import type { AuditTarget } from './operation.ts'
import { operations, type FunctionName, type OperationName } from './operations.ts'
import type { WireRequest } from './wireRequest.ts'

const services = {
  vault: 'KeyManagementService',
  keys: 'KeyManagementService',
  crypto: 'KeyManagementService',
  identity: 'IdentityControlPlane',
  audit: 'Audit',
} as const satisfies Record<FunctionName, string>

/** What of a request's headers an event may show; never the authorization. */
const shownHeaders = ['content-type', 'if-match', 'opc-client-info', 'opc-request-id', 'opc-retry-token']

/** Who calls, as far as an event says it; without name and credentials where nothing has proved it. */
export interface AuditedCaller {
  readonly principal: { readonly id: string | null; readonly name: string | null; readonly tenancyId: string }
  readonly credentials: string | null
  readonly tree: { nameOf(compartmentId: string): string | undefined }
}

export interface AuditedRequest {
  readonly operation: OperationName
  readonly caller: AuditedCaller
  readonly request: WireRequest
  readonly requestId: string
  readonly random: RandomBytes
  readonly target: AuditTarget
  /** Unix milliseconds. */
  readonly receivedAt: number
}

export interface AuditedAnswer {
  readonly status: number
  readonly message?: string
  readonly answeredAt: number
}

/** What a request did, or was refused. */
export function auditEvent(audited: AuditedRequest, answer: AuditedAnswer, effect?: AuditEffect): AuditEvent {
  const { operation, caller, request, requestId, random, target, receivedAt } = audited
  const { principal, credentials } = caller
  const compartmentId = effect?.compartmentId ?? target.compartmentId ?? principal.tenancyId
  const headers: Record<string, Json> = {}
  for (const name of shownHeaders) {
    const value = request.headers[name]
    if (value !== undefined) headers[name] = [value]
  }
  return ociEvent({
    service: services[operations[operation].serves],
    operation,
    ...(effect?.suffix === undefined ? {} : { suffix: effect.suffix }),
    eventId: newEventId(random),
    groupingId: requestId,
    eventTime: isoTime(receivedAt),
    compartmentId,
    compartmentName: caller.tree.nameOf(compartmentId) ?? null,
    resourceName: effect?.resourceName ?? target.resourceName,
    resourceId: effect?.resourceId ?? target.resourceId,
    identity: {
      principalName: principal.name,
      principalId: principal.id,
      authType: isByToken(operation) ? 'federated' : 'natv',
      tenantId: principal.tenancyId,
      ipAddress: request.sourceIp,
      credentials,
      userAgent: request.headers['user-agent'] ?? null,
    },
    request: {
      id: requestId,
      path: request.rawPath,
      action: request.method,
      parameters: parametersOf(request.rawQuery),
      headers,
    },
    response: {
      status: answer.status,
      responseTime: isoTime(answer.answeredAt),
      ...(answer.message === undefined ? {} : { message: answer.message }),
    },
    previous: effect?.previous,
    current: effect?.current,
    details: target.details,
  })
}

function parametersOf(rawQuery: string): Record<string, Json> {
  if (rawQuery === '') return {}
  const sent = new URLSearchParams(rawQuery)
  // Also of a query that is refused.
  return Object.fromEntries([...new Set(sent.keys())].map((name) => [name, sent.getAll(name)]))
}

/** Its caller shows a token of an issuer that the tenancy trusts, and no key. */
function isByToken(operation: OperationName): boolean {
  const called: object = operations[operation]
  return 'caller' in called && called.caller === 'workload'
}

let lastTime = NaN
let lastText = ''

/** Under load many events have the same millisecond. */
function isoTime(ms: number): string {
  if (ms === lastTime) return lastText
  lastTime = ms
  lastText = new Date(ms).toISOString()
  return lastText
}
