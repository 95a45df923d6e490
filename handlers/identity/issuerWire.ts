import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { Named } from '../../lib/kms/identity/namedRows.ts'
import { namedFacts } from './tenancyWide.ts'

/** TrustedIssuer, which is ours alone. */
export function toTrustedIssuer(row: Named<'trustedIssuer'>, tenancyId: string): JsonObject {
  const { issuer, audience, matchingRule, jwks, jwksUri } = row
  return { ...namedFacts(row, tenancyId), issuer, audience, matchingRule, jwks, jwksUri }
}
