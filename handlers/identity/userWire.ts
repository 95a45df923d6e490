import { KmsError, notFoundText } from '../../lib/errors.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { apiKeyId, type ApiKey } from '../../lib/kms/identity/apiKeys.ts'
import type { Named } from '../../lib/kms/identity/namedRows.ts'
import { authorizedNamed, namedFacts } from './tenancyWide.ts'

/** Users sign with API keys here, and with nothing else. */
const capabilities = {
  canUseConsolePassword: false,
  canUseApiKeys: true,
  canUseAuthTokens: false,
  canUseSmtpCredentials: false,
  canUseDbCredentials: false,
  canUseCustomerSecretKeys: false,
  canUseOAuth2ClientCredentials: false,
}

/** User (contract §2.8). */
export function toUser(row: Named<'user'>, tenancyId: string): JsonObject {
  return {
    ...namedFacts(row, tenancyId),
    email: row.email,
    emailVerified: false,
    dbUserName: null,
    identityProviderId: null,
    externalIdentifier: null,
    isMfaActivated: false,
    capabilities,
    lastSuccessfulLoginTime: null,
    previousSuccessfulLoginTime: null,
  }
}

/** ApiKey (contract §2.8). */
export function toApiKey(row: ApiKey, tenancyId: string): JsonObject {
  const { userId, fingerprint, publicKey, timeCreated } = row
  return {
    keyId: apiKeyId(tenancyId, row),
    keyValue: publicKey,
    fingerprint,
    userId,
    timeCreated,
    lifecycleState: 'ACTIVE',
    inactiveStatus: null,
  }
}

/** The user of the path. As in OCI, nobody needs a policy to look at themselves and to change their own API keys. */
export function authorizedUserOrSelf(request: Request): Promise<Named<'user'>> {
  const id = request.parameters['userId'] ?? ''
  return authorizedNamed(request, 'user', id, id === request.caller.principal.id)
}

/**
 * The user whose API keys a call changes. A session changes none of its own user's, whatever policies grant: it would outlive
 * itself by a new one, and leave its user without those there were.
 */
export async function holderOfApiKeys(request: Request): Promise<Named<'user'>> {
  const { apiKey, principal } = request.caller
  const id = request.parameters['userId'] ?? ''
  if (apiKey !== undefined || id !== principal.id) return authorizedUserOrSelf(request)
  request.target.resourceId = id
  const text = `${notFoundText} A session does not change its user's API keys: sign with one of them.`
  throw new KmsError('notAuthorizedOrNotFound', text, { reason: { name: 'sessionOnOwnKeys', userId: id } })
}
