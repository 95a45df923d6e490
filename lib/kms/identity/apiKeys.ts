import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { newEtag, requireResultIs, requireUnchanged, type AuditEffect, type Mutation } from '../mutation.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { identitySk, type ApiKeyRow } from './identityRows.ts'
import { requireAdministratorLeft } from './lastAdministrator.ts'
import { requireNamed, tenancyTime } from './namedRows.ts'
import { rowsOf, tenancyState, type TenancyState } from './tenancyState.ts'

/** A row with what the one that was made with the tenancy lacks. */
export type ApiKey = ApiKeyRow & Required<Pick<ApiKeyRow, 'timeCreated' | 'etag'>>

/** Of one user (OCI's limit): enough to change keys without a gap. */
const maxApiKeys = 3

export function apiKeysIn(state: TenancyState, userId: string): readonly ApiKey[] {
  const timeCreated = tenancyTime(state)
  return rowsOf<ApiKeyRow>(state, 'apiKey')
    .filter((row) => row.userId === userId)
    .map((row) => ({ timeCreated, etag: row.fingerprint, ...row }))
}

/** What an API key is called by whoever signs with it (contract §8.1). */
export function apiKeyId(
  tenancyId: string,
  { userId, fingerprint }: Pick<ApiKeyRow, 'userId' | 'fingerprint'>,
): string {
  return `${tenancyId}/${userId}/${fingerprint}`
}

type Place = Pick<ApiKeyRow, 'userId' | 'fingerprint'>

function apiKeyAt(state: TenancyState, { userId, fingerprint }: Place): ApiKey {
  const row = apiKeysIn(state, userId).find((each) => each.fingerprint === fingerprint)
  if (row === undefined)
    throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'API key', id: `${userId}/${fingerprint}` })
  return row
}

/** The key was checked by the caller (lib/iam/signature/apiPublicKey.ts). */
export function uploadApiKey(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { userId, fingerprint, publicKey }: Pick<ApiKeyRow, 'userId' | 'fingerprint' | 'publicKey'>,
): Promise<ApiKey> {
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  const place = { userId, fingerprint }
  const result = async () => apiKeyAt(await tenancyState(ports, tenancyId), place)
  return changeIdentity(ports, tenancyId, mutation, {
    resourceId: apiKeyId(tenancyId, place),
    earlier: async (earlier) => {
      const made = apiKeysIn(await tenancyState(ports, tenancyId), userId).find(
        (row) => apiKeyId(tenancyId, row) === earlier.resourceId,
      )
      requireUnchanged(earlier, made?.etag)
      requireResultIs(earlier, apiKeyId(tenancyId, place))
      return result()
    },
    load: () => tenancyState(ports, tenancyId),
    judge: async (state) => {
      const user = requireNamed(state, 'user', userId)
      const known = apiKeysIn(state, userId)
      if (known.some((row) => row.fingerprint === fingerprint)) {
        throw new KmsError('nameAlreadyExists', `The user ${user.name} has this API key already (${fingerprint}).`)
      }
      if (known.length >= maxApiKeys) {
        throw new KmsError(
          'limitExceeded',
          `The user ${user.name} has ${maxApiKeys} API keys, which is the most; delete one that is not used any more.`,
        )
      }
      return {
        puts: [{ sk: identitySk.apiKey(userId, fingerprint), kind: 'apiKey', ...place, publicKey, timeCreated, etag }],
        effect: apiKeyEffect(tenancyId, user.name, place),
        etag,
        result,
      }
    },
  })
}

export function deleteApiKey(ports: IdentityPorts, tenancyId: string, mutation: Mutation, place: Place): Promise<true> {
  return changeIdentity<{ state: TenancyState; row: ApiKey }, true>(ports, tenancyId, mutation, {
    resourceId: apiKeyId(tenancyId, place),
    earlier: async () => true,
    load: async () => {
      const state = await tenancyState(ports, tenancyId)
      return { state, row: apiKeyAt(state, place) }
    },
    etagOf: ({ row }) => row.etag,
    judge: async ({ state, row }) => {
      requireAdministratorLeft(state, row)
      return {
        puts: [],
        deletes: [row.sk],
        effect: apiKeyEffect(tenancyId, requireNamed(state, 'user', row.userId).name, row),
        etag: row.etag,
        result: async () => true,
      }
    },
  })
}

/** The key as such is public, and no part of the event all the same. */
function apiKeyEffect(tenancyId: string, userName: string, { userId, fingerprint }: Place): AuditEffect {
  return {
    resourceId: apiKeyId(tenancyId, { userId, fingerprint }),
    resourceName: `${fingerprint} of ${userName}`,
    compartmentId: tenancyId,
    current: { userId, fingerprint },
  }
}
