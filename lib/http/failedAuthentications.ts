import { parseAuthorizationHeader } from '../iam/signature/authorizationHeader.ts'
import { isInstanceCertificate, isTenancyId, parseKeyId, sessionPrefix } from '../iam/signature/keyId.ts'
import { claimedBy } from '../kms/identity/sessionToken.ts'
import { auditEvent, type AuditedCaller, type AuditedRequest } from './auditEvent.ts'
import { rowOf } from './operations.ts'
import type { AuditSink } from '../kms/audit.ts'
import type { IdentityCache } from '../kms/identity/identityCache.ts'
import type { Clock, Logger } from '../ports.ts'

/** Events a minute and tenancy in each process: whoever floods a service must not be able to flood its audit. */
const maxAMinute = 30

interface Minute {
  readonly startedAt: number
  recorded: number
  /** Those that came after `maxAMinute`. */
  passedOver: number
}

/** How many were passed over before this one; undefined where this one is. */
export type TakeFailure = (tenancyId: string, now: number) => Promise<number | undefined> | number | undefined

/** One for all threads of a process. `now` in Unix milliseconds. */
export function failureLimit(): TakeFailure {
  /** Of tenancies that exist, so that it stays small. */
  const minutes = new Map<string, Minute>()
  return (tenancyId, now) => {
    const last = minutes.get(tenancyId)
    if (last !== undefined && now - last.startedAt < 60_000) {
      if (last.recorded >= maxAMinute) {
        last.passedOver += 1
        return undefined
      }
      last.recorded += 1
      return 0
    }
    minutes.set(tenancyId, { startedAt: now, recorded: 1, passedOver: 0 })
    return last?.passedOver ?? 0
  }
}

interface Ports {
  readonly identity: Pick<IdentityCache, 'tenancy'>
  readonly audit: Pick<AuditSink, 'append'>
  readonly log: Logger
  readonly clock: Clock
  readonly takeFailure: TakeFailure
}

type Unauthenticated = Omit<AuditedRequest, 'caller'>

/**
 * Requests whose signature is not the key's that they name: in the audit of the tenancy that they name, where there is
 * such a tenancy, as nobody's, and only so many a minute. The next one recorded says how many were passed over.
 */
export class FailedAuthentications {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  async record(request: Unauthenticated, message: string): Promise<void> {
    try {
      const claimed = claimedIn(request)
      if (claimed === undefined || !(await this.#exists(claimed.tenancyId))) return
      const passedOver = await this.#ports.takeFailure(claimed.tenancyId, request.receivedAt)
      if (passedOver === undefined) return
      const target = { ...request.target, details: { authentication: 'failed', passedOver } }
      const answer = { status: 401, message, answeredAt: this.#ports.clock() }
      await this.#ports.audit.append(auditEvent({ ...request, target, caller: nobody(claimed) }, answer))
    } catch (cause) {
      this.#ports.log.error('A failed authentication could not be recorded.', cause)
    }
  }

  async #exists(tenancyId: string): Promise<boolean> {
    return (await this.#ports.identity.tenancy(tenancyId)).compartments.length > 0
  }
}

/** What a request says of its sender, which nothing has proved. */
interface Claimed {
  readonly tenancyId: string
  /** Null where it names nobody. */
  readonly id: string | null
}

function claimedIn({ operation, request: { headers, rawPath } }: Unauthenticated): Claimed | undefined {
  if (rowOf(operation).caller === 'workload') {
    const tenancyId = /\/tenancies\/([^/]+)\//.exec(rawPath)?.[1] ?? ''
    return isTenancyId(tenancyId) ? { tenancyId, id: null } : undefined
  }
  const text = parseAuthorizationHeader(headers['authorization'] ?? '')?.keyId ?? ''
  const keyId = parseKeyId(text)
  if (keyId !== undefined) return { tenancyId: keyId.tenancyId, id: keyId.userId }
  if (!text.startsWith(sessionPrefix)) {
    const [tenancyId = ''] = text.split('/', 1)
    return isInstanceCertificate(text) && isTenancyId(tenancyId) ? { tenancyId, id: null } : undefined
  }
  const session = claimedBy(text.slice(sessionPrefix.length))
  return session && isTenancyId(session.tenant) ? { tenancyId: session.tenant, id: session.sub } : undefined
}

function nobody({ tenancyId, id }: Claimed): AuditedCaller {
  return { principal: { name: null, id, tenancyId }, credentials: null, tree: { nameOf: () => undefined } }
}
