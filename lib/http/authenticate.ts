import { createPublicKey, type KeyObject } from 'node:crypto'
import type { CompartmentTree } from '../iam/compartmentTree.ts'
import { parseKeyId, type ApiKeyId } from '../iam/keyId.ts'
import type { CompiledPolicy } from '../iam/policy.ts'
import type { Principal } from '../iam/principal.ts'
import { isSignedBy, notAuthenticated, readSignature, signatureRefusal } from '../iam/requestSignature.ts'
import { rulesOf } from '../iam/rulesOf.ts'
import { exactTarget, signedTargets } from '../iam/signedTargets.ts'
import type { TenancyIdentity, UserIdentity } from '../kms/identity/identityCache.ts'
import { madeOnce } from '../madeOnce.ts'
import type { RefusalReason } from '../refusalReasons.ts'
import type { HttpPorts } from './httpPorts.ts'
import type { WireRequest } from './wireRequest.ts'

/** Who calls, and the policies of their tenancy as of this request. */
export interface Caller {
  readonly principal: Principal
  /** `tenancy/user/fingerprint`, as audited. */
  readonly credentials: string
  readonly tree: CompartmentTree
  readonly policies: readonly CompiledPolicy[]
  /** The signature's bytes: two requests with the same one are the same request, or one made twice within a second. */
  readonly signature: Buffer
}

/** @throws KmsError notAuthenticated, one text for every reason but a wrong clock, of which only who can sign is told. */
export async function authenticate(ports: HttpPorts, request: WireRequest, now: number): Promise<Caller> {
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
  const keyId = parseKeyId(signature.keyId)
  if (keyId === undefined) throw notAuthenticated({ name: 'keyIdMalformed' })
  const { tenancyId, userId, fingerprint } = keyId
  // A key that was revoked in the home region, or made there just now: what has arrived of it is stored first.
  const arriving = ports.arrivals.stored?.([tenancyId])
  if (arriving !== undefined) await arriving
  const cached = ports.identity.fresh(tenancyId)
  const user =
    cached?.users.get(`${userId}#${fingerprint}`) ?? (await ports.identity.user(tenancyId, userId, fingerprint))
  if (user === undefined) throw notAuthenticated(unknownKey(ports, keyId))
  const publicKey = publicKeyOf(user)
  if (!isSignedBy(signature, publicKey)) throw signatureRefusal(signature, publicKey, { userId, now })
  const tenancy = cached?.tenancy ?? (await ports.identity.tenancy(tenancyId))
  return {
    ...rulesOf(tenancy, tenancyId),
    principal: principalOf(user, tenancy, tenancyId),
    credentials: signature.keyId,
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

const principals = new WeakMap<TenancyIdentity, WeakMap<UserIdentity, Principal>>()

function principalOf(identity: UserIdentity, tenancy: TenancyIdentity, tenancyId: string): Principal {
  const ofTenancy = madeOnce(principals, tenancy, () => new WeakMap<UserIdentity, Principal>())
  return madeOnce(ofTenancy, identity, () => ({
    kind: 'user',
    id: identity.user.id,
    name: identity.user.name,
    tenancyId,
    groups: tenancy.groups.filter(({ id }) => identity.groupIds.includes(id)).map(({ id, name }) => ({ id, name })),
    dynamicGroups: [],
  }))
}
