import { KmsError } from '../errors.ts'
import { pinnedKeys, type JwkSet } from '../iam/oidc/jwkSet.ts'
import { isTenancyId } from '../iam/signature/keyId.ts'
import { matchesRule } from '../iam/matchingRule.ts'
import { issuerNamedIn, judgeOidcToken, notVouchedFor, type Judged } from '../iam/oidc/oidcToken.ts'
import type { Principal } from '../iam/principal.ts'
import { rulesOf } from '../iam/rulesOf.ts'
import { workloadOf } from '../iam/oidc/workload.ts'
import type { TrustedIssuerRow } from '../kms/identity/identityRows.ts'
import { madeOnce } from '../madeOnce.ts'
import type { Caller } from './authenticate.ts'
import type { HttpPorts } from './httpPorts.ts'
import { workloadPrincipal } from './principals.ts'
import type { WireRequest } from './wireRequest.ts'

const bearer = /^bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i

/**
 * Who shows an OIDC token of an issuer that the tenancy trusts.
 * What nobody vouches for is refused with one text; of a token that its issuer did sign its holder hears what is wrong.
 * @throws KmsError notAuthenticated; unavailable where an issuer's keys cannot be fetched.
 */
export async function byOidcToken(
  ports: HttpPorts,
  { headers }: WireRequest,
  tenancyId: string,
  now: number,
): Promise<Caller> {
  const token = bearer.exec(headers['authorization'] ?? '')?.[1] ?? ''
  const issuer = issuerNamedIn(token)
  if (issuer === undefined) {
    const text = 'This call takes an OIDC token, as the header Authorization: Bearer TOKEN, of at most 7000 characters.'
    throw new KmsError('notAuthenticated', text, { reason: { name: 'noOidcToken' } })
  }
  let refusal = notVouchedFor({ name: 'issuerNotTrusted', tenancyId })
  if (!isTenancyId(tenancyId)) throw refusal
  const arriving = ports.arrivals.stored?.([tenancyId])
  if (arriving !== undefined) await arriving
  const tenancy = await ports.identity.tenancy(tenancyId)
  for (const row of tenancy.trustedIssuers.filter((each) => each.issuer === issuer)) {
    const judged = await judgedBy(ports, row, token, now)
    if ('refusal' in judged) {
      refusal = judged.refusal
      continue
    }
    const workload = workloadOf(judged.claims)
    const principal = workloadPrincipal({}, workload, tenancy, tenancyId)
    if (!isLetIn(row, principal)) {
      refusal = notLetIn(row)
      continue
    }
    return {
      ...rulesOf(tenancy, tenancyId),
      principal,
      credentials: row.id,
      trustedIssuerId: row.id,
      signature: Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url'),
    }
  }
  throw refusal
}

async function judgedBy(ports: HttpPorts, row: TrustedIssuerRow, token: string, now: number): Promise<Judged> {
  const { issuer, audience, jwks, jwksUri } = row
  const expected = { issuer, audience, now }
  // INVARIANT: a row has one of both (handlers/identity/createTrustedIssuer.ts).
  if (jwksUri === null) return judgeOidcToken(token, pinnedSetOf(row, jwks), expected)
  const judged = await judgeOidcToken(token, await ports.issuerKeys.at(jwksUri), expected)
  if (!('refusal' in judged) || !judged.isUnknownKey) return judged
  return judgeOidcToken(token, await ports.issuerKeys.at(jwksUri, true), expected)
}

const pinnedSets = new WeakMap<TrustedIssuerRow, JwkSet>()

function pinnedSetOf(row: TrustedIssuerRow, jwks: unknown): JwkSet {
  return madeOnce(pinnedSets, row, () => pinnedKeys(jwks))
}

function isLetIn({ matchingRule }: TrustedIssuerRow, principal: Principal): boolean {
  return matchesRule(matchingRule)(principal)
}

function notLetIn({ id }: TrustedIssuerRow): KmsError {
  return new KmsError(
    'notAuthenticated',
    'The issuer is trusted, but not for this token: the matchingRule that it was trusted with is not true of what the token says.',
    { reason: { name: 'oidcRuleFalse', trustedIssuerId: id } },
  )
}
