import { createPublicKey, type KeyObject } from 'node:crypto'
import type { CompartmentTree } from '../iam/compartmentTree.ts'
import {
  isInstanceCertificate,
  noInstancePrincipals,
  parseKeyId,
  sessionPrefix,
  type ApiKeyId,
} from '../iam/signature/keyId.ts'
import type { CompiledPolicy } from '../iam/policy.ts'
import type { Principal } from '../iam/principal.ts'
import {
  isSignedBy,
  notAuthenticated,
  readSignature,
  signatureRefusal,
  type RequestSignature,
} from '../iam/signature/requestSignature.ts'
import { rulesOf } from '../iam/rulesOf.ts'
import { exactTarget, signedTargets } from '../iam/signature/signedTargets.ts'
import type { TenancyIdentity, UploadedKey, UserIdentity } from '../kms/identity/identityCache.ts'
import { madeOnce } from '../madeOnce.ts'
import type { RefusalReason } from '../refusalReasons.ts'
import { bySession } from './bySession.ts'
import type { HttpPorts } from './httpPorts.ts'
import { userPrincipal } from './principals.ts'
import type { WireRequest } from './wireRequest.ts'

/** Who calls, and the policies of their tenancy as of this request. */
export interface Caller {
  readonly principal: Principal
  /** `tenancy/user/fingerprint`, or a session token's id, as audited. */
  readonly credentials: string
  /** Undefined for whoever does not sign with one. */
  readonly apiKey?: UploadedKey
  /** By whose token; undefined for whoever shows none. */
  readonly trustedIssuerId?: string
  readonly tree: CompartmentTree
  readonly policies: readonly CompiledPolicy[]
  /** The signature's bytes: two requests with the same one are the same request, or one made twice within a second. */
  readonly signature: Buffer
}

/**
 * At once where the caller's identity is cached, because every request comes here.
 * @throws KmsError notAuthenticated, one text for every reason but those that only who can sign is told.
 */
export function authenticate(ports: HttpPorts, request: WireRequest, now: number): Promise<Caller> | Caller {
  const { method, rawPath, rawQuery, headers, body } = request
  const targets = ports.hasDecodedPaths ? signedTargets(rawPath, rawQuery) : [exactTarget(rawPath, rawQuery)]
  const signature = readSignature(
    {
      method,
      target: targets[0],
      alternativeTargets: targets.slice(1),
      headers: headers as Record<string, string>,
      body,
    },
    now,
  )
  if (signature.keyId.startsWith(sessionPrefix)) return bySession(ports, signature, now)
  const keyId = parseKeyId(signature.keyId)
  if (keyId !== undefined) return byApiKey(ports, signature, keyId, now)
  throw isInstanceCertificate(signature.keyId) ? noInstancePrincipals() : notAuthenticated({ name: 'keyIdMalformed' })
}

function byApiKey(
  ports: HttpPorts,
  signature: RequestSignature,
  keyId: ApiKeyId,
  now: number,
): Promise<Caller> | Caller {
  // A key that was revoked in the home region, or made there just now: what has arrived of it is stored first.
  const arriving = ports.arrivals.stored?.([keyId.tenancyId])
  const cached = arriving === undefined ? ports.identity.fresh(keyId.tenancyId) : undefined
  const user = cached?.users.get(keyId.name)
  return cached === undefined || user === undefined
    ? readSigner(ports, keyId, arriving).then((signer) => provedCaller(signature, keyId, signer, now))
    : provedCaller(signature, keyId, { user, tenancy: cached.tenancy }, now)
}

/** Whose key it is that a request names. */
interface Signer {
  readonly user: UserIdentity
  readonly tenancy: TenancyIdentity
}

async function readSigner(ports: HttpPorts, keyId: ApiKeyId, arriving: Promise<void> | undefined): Promise<Signer> {
  const { tenancyId, userId, fingerprint } = keyId
  await arriving
  const user = await ports.identity.user(tenancyId, userId, fingerprint)
  if (user === undefined) throw notAuthenticated(unknownKey(ports, keyId))
  return { user, tenancy: await ports.identity.tenancy(tenancyId) }
}

function provedCaller(
  signature: RequestSignature,
  { tenancyId, userId }: ApiKeyId,
  { user, tenancy }: Signer,
  now: number,
): Caller {
  const publicKey = publicKeyOf(user)
  if (!isSignedBy(signature, publicKey)) throw signatureRefusal(signature, publicKey, { userId, now })
  const { tree, policies } = rulesOf(tenancy, tenancyId)
  return {
    tree,
    policies,
    principal: userPrincipal(user, tenancy, tenancyId),
    credentials: signature.keyId,
    apiKey: user.apiKey,
    signature: signature.signature,
  }
}

function unknownKey({ identity }: HttpPorts, { tenancyId, userId, fingerprint }: ApiKeyId): RefusalReason {
  if (!identity.hasRead(tenancyId)) return { name: 'noSuchTenancy', tenancyId }
  return { name: 'noSuchApiKey', userId, fingerprint }
}

const publicKeys = new WeakMap<UserIdentity, KeyObject>()

function publicKeyOf(user: UserIdentity): KeyObject {
  return madeOnce(publicKeys, user, () => createPublicKey(user.publicKey))
}
