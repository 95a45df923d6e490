import { isKmsError, KmsError } from '../errors.ts'
import type { AuditEvent } from '../kms/audit.ts'
import type { Mutation } from '../kms/mutation.ts'
import { absentVaultId } from '../kms/standIns.ts'
import { auditEvent, type AuditedRequest } from './auditEvent.ts'
import { runOnArrivals } from './arrivals.ts'
import { authenticate, type Caller } from './authenticate.ts'
import { toWireError } from './errorTable.ts'
import type { HttpPorts } from './httpPorts.ts'
import { nothingLooked, type Answer, type AuditTarget, type Operation, type Request } from './operation.ts'
import { operations as rows, rowOf, type OperationName } from './operations.ts'
import { parseBody, parseInput } from './parseInput.ts'
import { answerRequestId } from './requestId.ts'
import { requestIdentity } from './retryToken.ts'
import { takeToken } from './rateLimit.ts'
import { bodyLimit, matchRoute, type Found, type Match, type OutOfScope } from './routes.ts'
import {
  noStore,
  parseQuery,
  toWireRequest,
  type HttpEvent,
  type HttpResponse,
  type WireRequest,
} from './wireRequest.ts'

/** Answers the requests of one function's operations, in the order of checks of contract §2.5. */
export function createPipeline<P extends HttpPorts>(
  ports: P,
  operations: readonly Operation<P>[],
): (event: HttpEvent) => Promise<HttpResponse> {
  const byId = new Map(operations.map((operation) => [operation.id, operation]))
  return async (event) => {
    const now = ports.clock()
    const began = ports.requestWatch.stopwatch()
    const request = toWireRequest(event)
    const requestId = answerRequestId(ports.random, request.headers['opc-request-id'])
    let audited: Audited | undefined
    let unauthenticated: Omit<Audited, 'caller'> | undefined
    let called: OperationName | undefined
    const seen = (status: number, refusal?: unknown) => {
      const ms = ports.requestWatch.stopwatch() - began
      const caller = audited?.caller.principal.id
      ports.requestWatch.answered({ requestId, operation: called, status, caller, refusal, ms })
    }
    try {
      const found = matchRoute(request.method, request.rawPath)
      requireSize(ports, found, request)
      const match = requireRoute(found, request)
      if ('outOfScope' in match) {
        await authenticate(ports, request, ports.requestClock())
        throw new KmsError('notImplemented', `Not offered by this service: ${match.outOfScope}.`)
      }
      called = match.operation
      const operation = byId.get(called)
      if (operation === undefined) throw noSuchRoute()
      const at = ports.vaultAt(request.headers['host'] ?? '', request.listenerPort)
      const vaultId = requirePlane(ports, match, request, at instanceof Promise ? await at : at)
      const target: AuditTarget = { resourceId: null, resourceName: null, compartmentId: null }
      unauthenticated = {
        operation: match.operation,
        request,
        requestId,
        random: ports.random,
        target,
        receivedAt: now,
      }
      const calling = callerOf(ports, request, match)
      const caller = calling instanceof Promise ? await calling : calling
      audited = { ...unauthenticated, caller }
      const token = takeToken(ports, match.operation, caller.principal.tenancyId)
      // Also where there is nothing to wait for: of requests that began together (HttpGateway) each gets here before one goes on,
      // and the signatures of all are verified one after another.
      await token
      const answer = await perform(ports, operation, audited, { match, vaultId })
      const { status = 200, headers, body, text } = answer
      seen(status)
      return response(status, { ...headers, 'opc-request-id': requestId }, body, text)
    } catch (error) {
      const { status, headers, body } = toWireError(error)
      seen(status, error)
      if (audited !== undefined) await recordRefusal(ports, audited, status, body.message)
      else if (unauthenticated !== undefined && isKmsError(error, 'notAuthenticated'))
        await ports.failedAuthentications.record(unauthenticated, body.message)
      return response(status, { ...headers, 'opc-request-id': requestId }, { ...body })
    }
  }
}

type Audited = AuditedRequest & { readonly caller: Caller }

function callerOf(ports: HttpPorts, request: WireRequest, { operation, parameters }: Match): Promise<Caller> | Caller {
  const now = ports.requestClock()
  if (rowOf(operation).caller !== 'workload') return authenticate(ports, request, now)
  // Its library is loaded by those who need it.
  return import('./byOidcToken.ts').then(({ byOidcToken }) =>
    byOidcToken(ports, request, parameters['tenancyId'] ?? '', now),
  )
}

async function perform<P extends HttpPorts>(
  ports: P,
  operation: Operation<P>,
  audited: Audited,
  { match, vaultId }: { match: Match; vaultId: string },
): Promise<Answer> {
  const { request, caller, target, receivedAt } = audited
  const { method } = rows[operation.id]
  const mutation = mutationOf(ports, audited)
  const input = inputOf(operation, request)
  const full: Request<P> = {
    operation: operation.id,
    ports,
    caller,
    parameters: match.parameters,
    query: parseQuery(request.rawQuery),
    headers: request.headers,
    vaultId,
    mutation: mutation.mutation,
    target,
    looked: nothingLooked(),
    now: receivedAt,
  }
  const isCrypto = rows[operation.id].serves === 'crypto'
  // Most changes are in the root, whose minute is marked once: else each would bring a mark of its own.
  if (method !== 'GET' && !isCrypto) await ports.audit.prepare(auditEvent(audited, answeredWith(ports, 200)))
  const answer = await runOnArrivals(operation, full, input, () => inputOf(operation, request))
  const committed = mutation.committed()
  // A change that committed has its event in its own transaction; all else is recorded here.
  if (committed !== undefined) await mark(ports, committed)
  else if (!isCrypto) await ports.audit.append(auditEvent(audited, answeredWith(ports, answer.status ?? 200)))
  else {
    const recorded = recordCrypto(ports, audited)
    if (recorded !== undefined) await recorded
  }
  return answer
}

/** A change in another compartment than the root has a minute of its own, which only the change itself could name. */
async function mark(ports: HttpPorts, event: AuditEvent): Promise<void> {
  try {
    await ports.audit.prepare(event)
  } catch (cause) {
    ports.log.error('The minute of an audit event is not marked: it is listed when another event marks it.', cause)
  }
}

function recordCrypto(ports: HttpPorts, audited: Audited): Promise<void> | void {
  if (ports.audit.crypto === 'off') return undefined
  const event = auditEvent(audited, answeredWith(ports, 200))
  return ports.audit.crypto === 'on' ? ports.audit.append(event) : writeCrypto(ports, event)
}

async function writeCrypto(ports: HttpPorts, event: AuditEvent): Promise<void> {
  try {
    await ports.audit.written(event)
  } catch (cause) {
    const why = 'The audit event of this call cannot be written, and nothing is answered without it; try again.'
    throw new KmsError('unavailable', why, { cause, retryAfter: 1 })
  }
}

function inputOf<P extends HttpPorts>({ id, input }: Operation<P>, request: WireRequest): unknown {
  if (rowOf(id).body === 'file') return request.body
  return input === undefined ? undefined : parseInput(input, parseBody(request))
}

function mutationOf(
  ports: HttpPorts,
  audited: Audited,
): { mutation: Mutation; committed: () => AuditEvent | undefined } {
  const { operation, caller, request, receivedAt } = audited
  const isChange = rows[operation].method !== 'GET' && rows[operation].serves !== 'crypto'
  const identity = isChange ? requestIdentity(operation, caller, request, receivedAt) : undefined
  const ifMatch = request.headers['if-match']
  let event: AuditEvent | undefined
  const mutation: Mutation = {
    ...identity,
    ...(ifMatch === undefined ? {} : { ifMatch }),
    audit: (effect) => {
      event = auditEvent(audited, answeredWith(ports, 200), effect)
      return ports.audit.writesOf(event)
    },
  }
  return { mutation, committed: () => event }
}

function answeredWith(ports: HttpPorts, status: number) {
  return { status, answeredAt: ports.clock() }
}

async function recordRefusal(ports: HttpPorts, audited: Audited, status: number, message: string): Promise<void> {
  if (rows[audited.operation].serves === 'crypto' && ports.audit.crypto === 'off') return
  try {
    await ports.audit.append(auditEvent(audited, { ...answeredWith(ports, status), message }))
  } catch (cause) {
    ports.log.error('An audit event of a refusal could not be written.', cause)
  }
}

/** Before anything else is looked at: bytes that nobody has signed cost no more than this (contract §2.5). */
function requireSize({ maxFileBytes }: HttpPorts, found: Found, { body }: WireRequest): void {
  const limit = bodyLimit(found, maxFileBytes)
  if (body.length > limit) throw new KmsError('payloadTooLarge', `A body here has at most ${limit} bytes.`)
}

function requireRoute(match: Found, { method }: WireRequest): Match | OutOfScope {
  if (match === 'noRoute') throw noSuchRoute()
  if (match === 'wrongMethod') throw new KmsError('methodNotAllowed', `${method} is not an operation of this path.`)
  return match
}

function noSuchRoute(): KmsError {
  return new KmsError('noSuchRoute', 'No operation has this path.')
}

/** Operations on keys answer at their vault's endpoint only, all others at their region's (contract §1.1). */
function requirePlane(
  ports: HttpPorts,
  { operation }: Match,
  { headers, listenerPort }: WireRequest,
  known: string | undefined,
): string {
  const host = headers['host'] ?? ''
  // A vault's name is answered alike whether there is that vault or not, and only to whoever can sign.
  const vaultId = known ?? (ports.vaultNames?.has(host, listenerPort) === true ? absentVaultId : undefined)
  const { plane } = rows[operation]
  if (plane === 'vault' && vaultId === undefined) {
    throw new KmsError(
      'noSuchRoute',
      `${operation} answers at a vault's managementEndpoint or cryptoEndpoint, not here.`,
    )
  }
  if (plane === 'region' && vaultId !== undefined) {
    throw new KmsError('noSuchRoute', `${operation} answers at the region's endpoint, not at a vault's.`)
  }
  if (plane === 'region' && !ports.isRegionHost(host, listenerPort)) {
    throw new KmsError('noSuchRoute', `${operation} answers at the region's endpoint, not under this host.`)
  }
  return vaultId ?? ''
}

export function response(
  statusCode: number,
  headers: Record<string, string>,
  body: Answer['body'],
  text = body === undefined ? '' : JSON.stringify(body),
): HttpResponse {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', ...noStore, ...headers },
    body: text,
  }
}
