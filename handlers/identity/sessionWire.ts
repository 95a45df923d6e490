import * as v from 'valibot'
import { wholeNumber } from '../../lib/http/fields.ts'
import type { Answer, Request } from '../../lib/http/operation.ts'
import { readApiPublicKey } from '../../lib/iam/signature/fingerprint.ts'
import { maxSessionToken, sessionToken, type SessionClaims } from '../../lib/kms/identity/sessionToken.ts'
import { newMaterialId } from '../../lib/ocid.ts'

const maxSeconds = 3600
/** Longer ones would fill the header that the token is part of. */
const maxBits = 4096

/** What both ways to a session ask: the public half of a pair that the caller has made for it. */
export const sessionDetails = v.object({
  publicKey: v.string(),
  lifetimeInSeconds: v.nullish(
    v.pipe(
      wholeNumber,
      v.check((seconds) => seconds >= 60 && seconds <= maxSeconds, '60 to 3600'),
    ),
    maxSeconds,
  ),
})
type SessionDetails = v.InferOutput<typeof sessionDetails>

/** Nothing is stored: the token itself says all that is known of the session. */
export async function newSession(
  { ports, caller, target, now }: Request,
  { publicKey: pem, lifetimeInSeconds }: SessionDetails,
  holder: SessionClaims['holder'],
): Promise<Answer> {
  const { tenancyId, id, name } = caller.principal
  const iat = Math.floor(now / 1000)
  const exp = iat + lifetimeInSeconds
  const jti = newMaterialId(ports.random)
  const publicKey = readApiPublicKey(pem, { member: 'publicKey', maxBits })
  const token = await sessionToken(ports.hsm, { tenant: tenancyId, sub: id, jti, iat, exp, publicKey, holder })
  if (token.length > maxSessionToken) throw new Error(`A session token has ${token.length} characters.`)
  const timeExpires = new Date(exp * 1000).toISOString()
  target.resourceId = id
  target.resourceName = name
  target.details = { sessionId: jti, timeExpires }
  return { body: { token, timeExpires, principalId: id, principalName: name } }
}
