import { createHash, randomBytes } from 'node:crypto'
import { byOidcToken } from '../../lib/http/byOidcToken.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import { newOcid } from '../../lib/ocid.ts'
import { oidcIssuer } from '../harness/oidcIssuer.ts'

/** What a tenancy pinned when any RSA key was taken. */
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
