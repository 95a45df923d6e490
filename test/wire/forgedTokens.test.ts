import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { CompactSign } from 'jose'
import { byOidcToken } from '../../lib/http/byOidcToken.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import { newOcid } from '../../lib/ocid.ts'
import { oidcIssuer } from '../harness/oidcIssuer.ts'

/** Tokens that are not what they look like. */
const issuer = oidcIssuer()
const now = Date.now()
const tenancyId = newOcid(randomBytes, 'tenancy')

function exchanged(token: string, keys: readonly object[]) {
  const row = { id: 'issuer', ...issuer, jwks: { keys }, jwksUri: null, matchingRule: "request.principal.sub = '*'" }
  const tenancy = { trustedIssuers: [row], compartments: [], policies: [], groups: [], dynamicGroups: [] }
  const ports = { arrivals: {}, identity: { tenancy: async () => tenancy } } as unknown as HttpPorts
  const headers = { authorization: `Bearer ${token}` }
  return byOidcToken(ports, { headers } as never, tenancyId, now)
}

/** A signature that is its own verification: under the exponent 1 a number is its own power. */
function madeByNobody(token: string): string {
  const text = token.split('.').slice(0, 2).join('.')
  const algorithm = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  const end = Buffer.concat([Buffer.of(0), algorithm, createHash('sha256').update(text).digest()])
  const start = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(256 - 2 - end.length, 0xff)])
  return `${text}.${Buffer.concat([start, end]).toString('base64url')}`
}

test('a key under which everybody can sign vouches for nobody, though it was pinned', async () => {
  const token = await issuer.token({ sub: 'a' }, { now })
  const [key] = issuer.jwks.keys
  expect((await exchanged(token, [{ ...key }])).principal.name).toBe('a')
  await expect(exchanged(madeByNobody(token), [{ ...key, e: 'AQ' }])).rejects.toMatchObject({
    code: 'notAuthenticated',
    reason: { name: 'oidcTokenNotSigned' },
  })
})

const seconds = Math.floor(now / 1000)
const refused = (what: string) => ({ code: 'notAuthenticated', reason: { name: 'oidcTokenRefused', what } })
const notYet = /not good yet \((iat|nbf)\)/

test.each<[string, Record<string, number>, string, RegExp]>([
  ['from the future', { iat: seconds + 70, exp: seconds + 300 }, 'iat', notYet],
  ['that begins later', { nbf: seconds + 70 }, 'nbf', notYet],
  ['that has ended', { exp: seconds - 6 }, 'exp', /time \(exp\) is over/],
  ['without an end', { exp: 1e18 }, 'exp', /more than a day/],
  ['without a beginning', { iat: 1 }, 'exp', /more than a day/],
  ['of a day and a second', { iat: seconds, exp: seconds + 86_401 }, 'exp', /more than a day/],
])('a token %s is not taken', async (_what, times, claim, says) => {
  const exchanging = exchanged(await issuer.token({ sub: 'a', ...times }, { now }), issuer.jwks.keys)
  await expect(exchanging).rejects.toMatchObject(refused(claim))
  await expect(exchanging).rejects.toThrow(says)
})

test.each([
  { iat: seconds + 50, nbf: seconds + 50 },
  { exp: seconds - 3 },
  { iat: seconds - 100, exp: seconds - 100 + 86_400 },
])('clocks may differ, and a token may live for a day: %j', async (times) => {
  const token = await issuer.token({ sub: 'a', ...times }, { now })
  expect((await exchanged(token, issuer.jwks.keys)).principal.name).toBe('a')
})

/** As the issuer signs it, whatever its text is. */
const signedText = (text: string) => new CompactSign(Buffer.from(text)).setProtectedHeader(header).sign(pair.privateKey)
const header = { alg: 'ES256', kid: 'own' }
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ownKeys = [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'own' }]
const textOf = (members: string) =>
  `{"iss":"${issuer.issuer}","aud":"${issuer.audience}","sub":"a","iat":${seconds},"exp":${seconds + 300}${members}}`

test.each([
  ['in another case', ',"repository_owner":"evil","Repository_Owner":"acme"', 'Repository_Owner'],
  ['in another case, of another kind', ',"repository_owner":{},"Repository_Owner":"acme"', 'Repository_Owner'],
  ['twice', ',"repository_owner":"evil","repository_owner":"acme"', 'repository_owner'],
  ['twice, spelt in another way', ',"ref":"a","r\\u0065f":"b"', 'ref'],
  ['twice inside another', ',"kubernetes.io":{"namespace":"a","namespace":"b"}', 'namespace'],
  ['as its subject, in another case', ',"SUB":"root"', 'SUB'],
])('a token that has a claim %s is refused', async (_what, members, claim) => {
  const exchanging = exchanged(await signedText(textOf(members)), ownKeys)
  await expect(exchanging).rejects.toMatchObject(refused(claim))
  await expect(exchanging).rejects.toThrow(/has a claim twice/)
})

test('a token whose claims are not UTF-8 is refused: two subjects would become one', async () => {
  const [before = '', after = ''] = textOf(',"team":"?"').split('?')
  const bytes = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)])
  const token = await new CompactSign(bytes).setProtectedHeader(header).sign(pair.privateKey)
  await expect(exchanged(token, ownKeys)).rejects.toMatchObject({ code: 'notAuthenticated' })
})

test('a byte order mark before the claims is no JSON', async () => {
  const exchanging = exchanged(await signedText(`\ufeff${textOf('')}`), ownKeys)
  await expect(exchanging).rejects.toThrow("The token's claims are not JSON in UTF-8.")
})

test("an issuer's claim may be in any case, and deep as it likes", async () => {
  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`
  const token = await signedText(textOf(`,"repositoryOwner":"acme","deep":${deep}`))
  const { principal } = await exchanged(token, ownKeys)
  expect(principal.variables).toMatchObject({ 'request.principal.repositoryowner': 'acme' })
})

test.each(['null', '[]', '7', '"a"', '{', '{}', '{"iss":{}}', '{"iss":["https://issuer.example"]}'])(
  'a token that says %s is refused',
  async (text) => {
    await expect(exchanged(await signedText(text), ownKeys)).rejects.toMatchObject({ code: 'notAuthenticated' })
  },
)

test.each(['iat', 'exp', 'nbf'])('a token whose %s is no number is refused', async (name) => {
  for (const value of ['"1"', 'null', '{}', '[1]', '1e999', '-1e999', 'true']) {
    const text = textOf('').replace(/,"(iat|exp)":\d+/g, (all, each) => (each === name ? '' : all))
    const token = await signedText(text.replace('}', `,"${name}":${value}}`))
    const isEndless = name === 'nbf' && value === '-1e999'
    if (isEndless) await exchanged(token, ownKeys)
    else await expect(exchanged(token, ownKeys)).rejects.toMatchObject({ code: 'notAuthenticated' })
  }
})
