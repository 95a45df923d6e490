import { apiKeyName } from '../apiKeyName.ts'
import { KmsError } from '../errors.ts'
import { sessionPrefix } from '../iam/signature/keyId.ts'
import type { Principal } from '../iam/principal.ts'
import { isSignedBy, signatureRefusal, type RequestSignature } from '../iam/signature/requestSignature.ts'
import { rulesOf } from '../iam/rulesOf.ts'
import type { TenancyIdentity, UploadedKey, UserIdentity } from '../kms/identity/identityCache.ts'
import type { Session, SessionClaims, UserHolder } from '../kms/identity/sessionToken.ts'
import type { RefusalReason } from '../refusalReasons.ts'
import type { Caller } from './authenticate.ts'
import type { HttpPorts } from './httpPorts.ts'
import { userPrincipal, workloadPrincipal } from './principals.ts'

/** Made by a region whose clock is before ours, by no more than a request's date may be (contract §8.3). */
const maxAheadSeconds = 300

/**
 * A request that is signed with a session's key. What has become of the session is said only to whoever can sign with it.
 * At once where all of it is cached, so that it costs no more than an API key's.
 * @throws KmsError notAuthenticated
 */
export function bySession(ports: HttpPorts, signature: RequestSignature, now: number): Promise<Caller> | Caller {
  const token = signature.keyId.slice(sessionPrefix.length)
  const known = ports.sessions.known(token)
  return known === undefined
    ? ports.sessions.verified(token).then((session) => ofSession(ports, signature, requireOurs(session), now))
    : ofSession(ports, signature, known, now)
}

function requireOurs(session: Session | undefined): Session {
  if (session !== undefined) return session
  const text = "The security token is none of this service's: make one with CreateSessionToken or ExchangeToken."
  throw new KmsError('notAuthenticated', text, { reason: { name: 'sessionNotOurs' } })
}

function ofSession(
  ports: HttpPorts,
  signature: RequestSignature,
  session: Session,
  now: number,
): Promise<Caller> | Caller {
  const arriving = ports.arrivals.stored?.([session.claims.tenant])
  const cached = arriving === undefined ? ports.identity.fresh(session.claims.tenant) : undefined
  if (cached === undefined) return ofSessionRead(ports, signature, session, { arriving, now })
  requireProved(ports, signature, session, now)
  return calledBy(ports, signature, session, cached.tenancy)
}

async function ofSessionRead(
  ports: HttpPorts,
  signature: RequestSignature,
  session: Session,
  { arriving, now }: { readonly arriving: Promise<void> | undefined; readonly now: number },
): Promise<Caller> {
  await arriving
  requireProved(ports, signature, session, now)
  return calledBy(ports, signature, session, await ports.identity.tenancy(session.claims.tenant))
}

function requireProved(
  ports: HttpPorts,
  signature: RequestSignature,
  { claims, publicKey }: Session,
  now: number,
): void {
  if (!isSignedBy(signature, publicKey)) throw signatureRefusal(signature, publicKey, { userId: claims.sub, now })
  requireInTime(claims, ports.clock())
}

function calledBy(
  ports: HttpPorts,
  { signature }: RequestSignature,
  session: Session,
  tenancy: TenancyIdentity,
): Promise<Caller> | Caller {
  const known = lastJudged.get(session)
  if (known?.tenancy === tenancy) {
    const { tree, policies, principal, credentials } = known
    return { tree, policies, principal, credentials, signature }
  }
  const { claims } = session
  const as = (principal: Principal): Caller => {
    const { tree, policies } = rulesOf(tenancy, claims.tenant)
    const judged = { tree, policies, principal, credentials: `${sessionPrefix}${claims.jti}` }
    lastJudged.set(session, { tenancy, ...judged })
    return { ...judged, signature }
  }
  const holder = holderOf(ports, session, tenancy)
  return holder instanceof Promise ? holder.then(as) : as(holder)
}

/**
 * Whose a session is while nothing of its tenancy's identity changes, as what that says is the same object only so long: users, keys,
 * groups, issuers and policies are all of it. Of time nothing is kept: whether the session has ended is asked at each use.
 */
const lastJudged = new WeakMap<Session, Omit<Caller, 'signature'> & { readonly tenancy: TenancyIdentity }>()

/** By the service's own clock, which made the token. */
function requireInTime({ sub: holder, iat, exp }: SessionClaims, now: number): void {
  const seconds = now / 1000
  if (seconds >= exp) {
    const until = new Date(exp * 1000).toISOString()
    throw over(`The session ended at ${until}; make a new one.`, { name: 'sessionEnded', holder })
  }
  if (iat > seconds + maxAheadSeconds) {
    throw over('The session begins later: the clocks of two regions differ.', { name: 'sessionNotBegun', holder })
  }
}

/** At once where the user is known: a session costs no more than a key. */
function holderOf(ports: HttpPorts, { claims }: Session, tenancy: TenancyIdentity): Promise<Principal> | Principal {
  const { tenant: tenancyId, sub, holder } = claims
  if (holder.kind === 'user') {
    const { fingerprint } = holder
    const judged = (user: UserIdentity | undefined) => {
      if (user !== undefined && isOfUpload(claims.iat, holder, user.apiKey))
        return userPrincipal(user, tenancy, tenancyId)
      const text = 'The session is over: its user, or the API key that it was made with, is gone.'
      throw over(text, { name: 'sessionHolderGone', holder: sub })
    }
    const known = ports.identity.fresh(tenancyId)?.users.get(apiKeyName(sub, fingerprint))
    return known === undefined ? ports.identity.user(tenancyId, sub, fingerprint).then(judged) : judged(known)
  }
  const { trustedIssuerId, name, variables } = holder
  if (tenancy.trustedIssuers.some(({ id }) => id === trustedIssuerId)) {
    return workloadPrincipal(claims, { id: sub, name, variables }, tenancy, tenancyId)
  }
  const text = 'The session is over: the tenancy no longer trusts the issuer of the token that it was made with.'
  throw over(text, { name: 'sessionIssuerGone', holder: sub, trustedIssuerId })
}

/** A key that was deleted and uploaded again brings no session back. */
function isOfUpload(iat: number, { etag }: UserHolder, apiKey: UploadedKey): boolean {
  if (etag !== undefined) return etag === apiKey.etag
  return apiKey.timeCreated === undefined || Date.parse(apiKey.timeCreated) < (iat + 1) * 1000
}

function over(text: string, reason: RefusalReason): KmsError {
  return new KmsError('notAuthenticated', text, { reason })
}
