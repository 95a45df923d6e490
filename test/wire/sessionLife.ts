import { oidcIssuer } from '../harness/oidcIssuer.ts'
import { callerOf } from '../local/signedCaller.ts'
import type { OciCloud } from './ociCloud.ts'
import { newKeyPair } from './serviceUser.ts'

/** What Oracle's clients have no call for: an issuer that is trusted, both ways to a session, and why a user may. */
export async function sessionLife({ cloud, home, tenancyId }: OciCloud): Promise<void> {
  const call = callerOf(cloud)
  const life = oidcIssuer('https://issuer.life')
  const { issuer, audience, jwks } = life
  const publicKey = newKeyPair().publicPem
  const issuers = `${home}/20160918/trustedIssuers`
  const matchingRule = "request.principal.sub = 'life'"
  const about = { compartmentId: tenancyId, name: 'life-issuer', description: 'd' }
  const details = { ...about, issuer, audience, jwks, matchingRule }
  const { status, body } = await call('POST', issuers, details)
  expect({ status, message: body['message'] }).toEqual({ status: 200, message: undefined })
  const one = `${issuers}/${String(body['id'])}`
  expect((await call('GET', one)).status).toBe(200)
  expect((await call('GET', `${issuers}?compartmentId=${tenancyId}`)).list).toHaveLength(1)
  const exchanged = await fetch(`${home}/20160918/tenancies/${tenancyId}/actions/exchangeToken`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await life.token({ sub: 'life' })}`, 'content-type': 'application/json' },
    body: JSON.stringify({ publicKey }),
  })
  expect(exchanged.status).toBe(200)
  expect((await call('POST', `${home}/20160918/sessionTokens`, { publicKey })).status).toBe(200)
  expect((await call('DELETE', one)).status).toBe(204)
  const asked = `userId=${cloud.administrator.userId}&operation=CreateVault&compartmentId=${tenancyId}`
  expect((await call('GET', `${home}/20160918/policyExplanations?${asked}`)).status).toBe(200)
}
