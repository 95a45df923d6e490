import { createPublicKey, randomBytes } from 'node:crypto'
import { sessionToken, type SessionClaims } from '../../../lib/kms/identity/sessionToken.ts'
import type { JWTPayload } from 'jose'
import { GroupedAuditSink } from '../../../lib/kms/groupedAuditSink.ts'
import { newOcid } from '../../../lib/ocid.ts'
import { forged, oidcIssuer, otherPair, type TokenOptions } from '../../harness/oidcIssuer.ts'
import { publicKeyPem, signedCall, type Answered, type CallableRegion } from '../../harness/signedCall.ts'
import { openStage, type Case, type Stage } from './stage.ts'

/** Why a session token, or the OIDC token that is shown for one, is refused: with which sentence, and as what in log and audit. */

let stage: Stage
type Call = () => Promise<Answered>
/** What is refused is made ready first, so that the log has its line alone. */
interface Refused extends Omit<Case, 'call'> {
  readonly says: RegExp
  /** It names no tenancy that exists, so there is nobody whose audit it would be in. */
  readonly isNobodys?: true
  readonly prepare: () => Promise<Call> | Call
}
beforeAll(async () => {
  stage = await openStage()
  await trust('issuer', "request.principal.sub = '*'")
  await trust('picky', "request.principal.sub = 'nobody'", pickyIssuer)
  await stage.cloud.settle()
})
afterAll(() => {
  stage.cloud.close()
})

const issuer = oidcIssuer()
const pickyIssuer = oidcIssuer('https://picky.example')

async function trust(name: string, matchingRule: string, of = issuer): Promise<void> {
  const { cloud } = stage
  const facts = { issuer: of.issuer, audience: of.audience, jwks: of.jwks, matchingRule }
  const details = { compartmentId: cloud.tenancyId, name, description: 'd', ...facts }
  expect(await cloud.call(cloud.a, 'POST', '/20160918/trustedIssuers', details)).toMatchObject({ status: 200 })
}

const token = (claims: JWTPayload, options: TokenOptions = {}, of = issuer) =>
  of.token(claims, { now: stage.cloud.clock.now, ...options })

const path = (tenancyId = stage.cloud.tenancyId) => `/20160918/tenancies/${tenancyId}/actions/exchangeToken`

function exchange(token: string | undefined, { tenancyId = stage.cloud.tenancyId } = {}): Call {
  const { cloud } = stage
  const headers = { authorization: (token === undefined ? undefined : `Bearer ${token}`) as never }
  return () => cloud.call(cloud.a, 'POST', path(tenancyId), { publicKey: publicKeyPem }, { headers })
}

/** With the harness's own key, which is the session's too; the keyId is no part of what is signed. */
function callWith(session: string, region: CallableRegion = stage.cloud.a): Call {
  const target = `/20160918/users?compartmentId=${stage.cloud.tenancyId}`
  return () => signedCall(region, `ST$${session}`, stage.cloud.clock.now, 'GET', target, undefined, {})
}

async function userSession(): Promise<string> {
  const { cloud } = stage
  const answer = await cloud.call(cloud.a, 'POST', '/20160918/sessionTokens', { publicKey: publicKeyPem })
  expect(answer.status).toBe(200)
  return String(answer.body['token'])
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as SessionClaims

type Signer = Parameters<typeof sessionToken>[0]

/** As the region would sign it, with other claims. */
function signedAnew(
  session: string,
  changed: Partial<SessionClaims>,
  hsm: Signer = stage.cloud.a.hsm,
): Promise<string> {
  const { format: _format, iss: _iss, jwk: _jwk, ...claims } = { ...claimsOf(session), ...changed }
  const publicKey = changed.jwk === undefined ? createPublicKey(publicKeyPem) : otherPair.publicKey
  return sessionToken(hsm, { ...claims, publicKey })
}

const workload = { sub: 'repo:acme/shop' }

test('a session signs in both regions, as its user, and never makes another session', async () => {
  const { cloud } = stage
  const session = await userSession()
  for (const region of [cloud.a, cloud.b]) expect(await callWith(session, region)()).toMatchObject({ status: 200 })
  const body = { publicKey: publicKeyPem }
  const now = (cloud.clock.now += 1)
  const again = await signedCall(cloud.a, `ST$${session}`, now, 'POST', '/20160918/sessionTokens', body, {})
  expect(again).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
  expect(again.body['message']).toMatch(/does not make another/)
})

const notOurs = /none of this service's/
const notVouched = /No trusted issuer of this tenancy vouches/

const none = { name: 'sessionNotOurs', why: 'altered', says: notOurs } as const

const ofSession: readonly Refused[] = [
  {
    name: 'instancePrincipal',
    why: 'certificate',
    says: /Instance principals of OCI are not known here/,
    prepare: () => keyId(`${stage.cloud.tenancyId}/fed-x509-sha256/${'ab:'.repeat(31)}ab`),
  },
  { ...none, isNobodys: true, prepare: () => callWith('a.b.c') },
  { ...none, isNobodys: true, prepare: async () => callWith((await userSession()).padEnd(7001, 'A')) },
  { ...none, prepare: async () => callWith(forged(await userSession(), 'none')) },
  { ...none, prepare: async () => callWith(forged(await userSession(), 'HS256')) },
  {
    ...none,
    prepare: async () => {
      const [head, body, signature] = (await userSession()).split('.')
      const claims = { ...claimsOf(`${head}.${body}`), exp: 9_999_999_999 }
      return callWith(`${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`)
    },
  },
  {
    ...none,
    // The region signs, and shows what another tenancy says of it.
    prepare: async () => {
      const { addTenancy, a } = stage.cloud
      const statement = a.hsm.statement((await addTenancy()).tenancyId)
      const hsm = { region: a.hsm.region, sign: (bytes: Uint8Array) => a.hsm.sign(bytes), statement: () => statement }
      return callWith(await signedAnew(await userSession(), {}, hsm))
    },
  },
  {
    name: 'signatureDiffers',
    why: 'signature',
    says: /was not provided or was incorrect/,
    prepare: async () => callWith(await signedAnew(await userSession(), { jwk: 'of another pair' })),
  },
  {
    name: 'sessionEnded',
    why: 'is over',
    says: /The session ended at .*; make a new one/,
    prepare: async () => callWith(await signedAnew(await userSession(), { exp: stage.cloud.clock.now / 1000 - 1 })),
  },
  {
    name: 'sessionNotBegun',
    why: 'clocks',
    says: /begins later/,
    prepare: async () => callWith(await signedAnew(await userSession(), { iat: stage.cloud.clock.now / 1000 + 400 })),
  },
  {
    name: 'sessionHolderGone',
    why: 'is gone',
    says: /its user, or the API key that it was made with, is gone/,
    prepare: async () => callWith(await signedAnew(await userSession(), { sub: newOcid(randomBytes, 'user') })),
  },
  {
    name: 'sessionIssuerGone',
    why: 'ocid1.trustedissuer.',
    says: /no longer trusts the issuer/,
    prepare: async () => {
      const made = await exchange(await token(workload))()
      const { holder } = claimsOf(String(made.body['token']))
      const gone = { ...holder, trustedIssuerId: newOcid(randomBytes, 'trustedissuer') } as typeof holder
      return callWith(await signedAnew(String(made.body['token']), { holder: gone }))
    },
  },
]

function keyId(text: string): Call {
  const { cloud } = stage
  return () => signedCall(cloud.a, text, cloud.clock.now, 'GET', '/20160918/regions', undefined, {})
}

const seconds = () => Math.floor(stage.cloud.clock.now / 1000)

const ofToken: readonly Refused[] = [
  { name: 'noOidcToken', why: 'Bearer', says: /takes an OIDC token/, prepare: () => exchange(undefined) },
  { name: 'noOidcToken', why: 'Bearer', says: /takes an OIDC token/, prepare: () => exchange('no.token') },
  {
    name: 'noOidcToken',
    why: 'Bearer',
    says: /at most 7000 characters/,
    prepare: async () => exchange(await token({ ...workload, more: 'x'.repeat(6000) })),
  },
  {
    name: 'issuerNotTrusted',
    why: 'none that tenancy',
    says: notVouched,
    prepare: async () => exchange(await token(workload, {}, oidcIssuer('https://unknown.example'))),
  },
  {
    name: 'issuerNotTrusted',
    isNobodys: true,
    why: 'ocid1.tenancy.oc1..none',
    says: notVouched,
    prepare: async () => exchange(await token(workload), { tenancyId: 'ocid1.tenancy.oc1..none' }),
  },
  {
    name: 'oidcTokenNotSigned',
    why: 'SIGNATURE',
    says: notVouched,
    prepare: async () => exchange(await token(workload, { key: otherPair.privateKey })),
  },
  {
    name: 'oidcTokenNotSigned',
    why: 'NO_MATCHING_KEY',
    says: notVouched,
    prepare: async () => exchange(await token(workload, { kid: 'two' })),
  },
  ...(['none', 'HS256'] as const).map((alg) => ({
    name: 'oidcTokenNotSigned' as const,
    why: 'no key',
    says: notVouched,
    prepare: async () => exchange(forged(await token(workload), alg)),
  })),
  {
    name: 'oidcTokenRefused',
    why: 'exp',
    says: /time \(exp\) is over/,
    prepare: async () => exchange(await token({ ...workload, exp: seconds() - 120 })),
  },
  {
    name: 'oidcTokenRefused',
    why: 'exp',
    says: /time \(exp\) is over/,
    prepare: async () => exchange(await token({ ...workload, exp: -1e300 })),
  },
  {
    name: 'oidcTokenRefused',
    why: 'nbf',
    says: /not good yet/,
    prepare: async () => exchange(await token({ ...workload, nbf: seconds() + 3600 })),
  },
  {
    name: 'oidcTokenRefused',
    why: 'aud',
    says: /audience/,
    prepare: async () => exchange(await token({ ...workload, aud: 'another' })),
  },
  { name: 'oidcTokenRefused', why: 'sub', says: /lacks the claim sub/, prepare: async () => exchange(await token({})) },
  {
    name: 'oidcTokenRefused',
    why: 'sub',
    says: /subject/,
    prepare: async () => exchange(await token({ sub: ['a'] as never })),
  },
  {
    name: 'oidcRuleFalse',
    why: 'ocid1.trustedissuer.',
    says: /matchingRule/,
    prepare: async () => exchange(await token(workload, {}, pickyIssuer)),
  },
  {
    name: 'oidcTokenTooLarge',
    why: 'no room',
    says: /too much/,
    prepare: async () => exchange(await token({ ...workload, more: 'x'.repeat(3000) })),
  },
]

test.each([...ofSession, ...ofToken])('$name: $says', async (each) => {
  const { cloud } = stage
  cloud.clock.now += 61_000
  const call = await each.prepare()
  const { audit } = cloud.a.runtime
  if (!(audit instanceof GroupedAuditSink)) throw new Error('Events are written in groups here.')
  await audit.flush()
  await cloud.settle()
  const written: string[] = []
  const stop = cloud.a.store.tables.onCommit((touched) => written.push(...touched.map(({ table }) => table)))
  const answer = await stage.expectReason({ ...each, call })
  expect(answer).toMatchObject({ status: 401, body: { code: 'NotAuthenticated' } })
  expect(answer.body['message']).toMatch(each.says)
  await audit.flush()
  stop()
  expect(new Set(written)).toEqual(new Set(each.isNobodys === true ? [] : ['Audit']))
})

test.each(['POST', 'DELETE'] as const)('a session may not %s the API keys of its own user', async (method) => {
  const { cloud } = stage
  cloud.clock.now += 61_000
  const session = await userSession()
  const { sub, holder } = claimsOf(session)
  const print = holder.kind === 'user' ? `/${holder.fingerprint}` : ''
  const target = `/20160918/users/${sub}/apiKeys${method === 'POST' ? '' : print}`
  const body = method === 'POST' ? { key: otherPem } : undefined
  const call = () => signedCall(cloud.a, `ST$${session}`, cloud.clock.now, method, target, body, {})
  const answer = await stage.expectReason({ name: 'sessionOnOwnKeys', why: sub, call })
  expect(answer).toMatchObject({ status: 404, body: { code: 'NotAuthorizedOrNotFound' } })
  expect(answer.body['message']).toMatch(/A session does not change its user's API keys: sign with one of them/)
})
const otherPem = otherPair.publicKey.export({ type: 'spki', format: 'pem' })

test('every kind has been driven', () => {
  stage.expectAll('sessions')
})
