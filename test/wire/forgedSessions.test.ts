import { createPublicKey } from 'node:crypto'
import { SessionTokens, sessionToken, type SessionClaims } from '../../lib/kms/identity/sessionToken.ts'
import { publicKeyPem, signedCall } from '../harness/signedCall.ts'
import { regionA, twoRegions, type TestCloud } from '../harness/twoRegions.ts'

/** Session tokens that a region signed and that still say nothing, and when one begins and ends. */

let cloud: TestCloud
beforeAll(async () => {
  cloud = await twoRegions()
})
afterAll(() => {
  cloud.close()
})

async function made(): Promise<{ readonly token: string; readonly claims: SessionClaims }> {
  const details = { publicKey: publicKeyPem, lifetimeInSeconds: 60 }
  const { body } = await cloud.call(cloud.a, 'POST', '/20160918/sessionTokens', details)
  const token = String(body['token'])
  const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return { token, claims: JSON.parse(text) as SessionClaims }
}

type Signer = Parameters<typeof sessionToken>[0]

/** The same claims, signed by whomever the test says. */
function signedBy(signer: Signer, { format: _f, iss: _i, jwk: _j, ...claims }: SessionClaims): Promise<string> {
  return sessionToken(signer, { ...claims, publicKey: createPublicKey(publicKeyPem) })
}

test('a token whose region another tenancy vouches for is none', async () => {
  const { hsm } = cloud.a
  const other = await cloud.addTenancy()
  const { claims } = await made()
  const tokens = new SessionTokens({ hsm })
  const sign = (bytes: Uint8Array) => hsm.sign(bytes)
  const forged = { region: regionA, sign, statement: () => hsm.statement(other.tenancyId) }
  expect(await tokens.verified(await signedBy(hsm, claims))).toMatchObject({ claims })
  expect(await tokens.verified(await signedBy(forged, claims))).toBeUndefined()
})

test('a token in another region’s name is none', async () => {
  const { hsm } = cloud.b
  const { claims } = await made()
  const sign = (bytes: Uint8Array) => hsm.sign(bytes)
  const forged = { region: regionA, sign, statement: (of: string) => hsm.statement(of) }
  expect(await new SessionTokens({ hsm }).verified(await signedBy(forged, claims))).toBeUndefined()
})

test('a token is known by all its characters', async () => {
  const { token, claims } = await made()
  const tokens = new SessionTokens({ hsm: cloud.a.hsm })
  await tokens.verified(token)
  const [head = '', , signature = ''] = token.split('.')
  const body = Buffer.from(JSON.stringify({ ...claims, sub: 'another' })).toString('base64url')
  expect(tokens.known(token)).toMatchObject({ claims })
  expect(tokens.known(`${head}.${body}.${signature}`)).toBeUndefined()
})

test('a session is good to the last millisecond of its time, in both regions', async () => {
  const { token, claims } = await made()
  const statusesAt = async (now: number) => {
    cloud.clock.now = now
    const call = (region: typeof cloud.a) =>
      signedCall(region, `ST$${token}`, now, 'GET', `/20160918/users?compartmentId=${cloud.tenancyId}`, undefined, {})
    return (await Promise.all([call(cloud.a), call(cloud.b)])).map(({ status }) => status)
  }
  expect(await statusesAt(claims.exp * 1000 - 1)).toEqual([200, 200])
  expect(await statusesAt(claims.exp * 1000)).toEqual([401, 401])
  expect(await statusesAt((claims.iat - 300) * 1000)).toEqual([200, 200])
  expect(await statusesAt((claims.iat - 301) * 1000)).toEqual([401, 401])
})
