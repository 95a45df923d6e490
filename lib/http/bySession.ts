import { apiKeyName } from '../apiKeyName.ts'
import { KmsError } from '../errors.ts'
import { sessionPrefix } from '../iam/keyId.ts'
import type { Principal } from '../iam/principal.ts'
import { isSignedBy, signatureRefusal, type RequestSignature } from '../iam/requestSignature.ts'
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
 * @throws KmsError notAuthenticated
 */
export async function bySession(ports: HttpPorts, signature: RequestSignature, now: number): Promise<Caller> {
  const token = signature.keyId.slice(sessionPrefix.length)
  const session = ports.sessions.known(token) ?? (await ports.sessions.verified(token))
  if (session === undefined) {
    const text = "The security token is none of this service's: make one with CreateSessionToken or ExchangeToken."
    throw new KmsError('notAuthenticated', text, { reason: { name: 'sessionNotOurs' } })
  }
  const { claims, publicKey } = session
  const { tenant: tenancyId, sub } = claims
  const arriving = ports.arrivals.stored?.([tenancyId])
  if (arriving !== undefined) await arriving
  if (!isSignedBy(signature, publicKey)) throw signatureRefusal(signature, publicKey, { userId: sub, now })
  requireInTime(claims, ports.clock())
  const tenancy = ports.identity.fresh(tenancyId)?.tenancy ?? (await ports.identity.tenancy(tenancyId))
  const holder = holderOf(ports, session, tenancy)
  return {
    ...rulesOf(tenancy, tenancyId),
    principal: holder instanceof Promise ? await holder : holder,
    credentials: `${sessionPrefix}${claims.jti}`,
    signature: signature.signature,
  }
}

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
