import type { AuditItem } from '../../lib/kms/audit.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { oidcIssuer } from '../harness/oidcIssuer.ts'
import { publicKeyPem } from '../harness/signedCall.ts'
import { twoRegions } from '../harness/twoRegions.ts'

test('the event of an exchange, done or refused, says that its caller came by a token and not by an API key', async () => {
  const cloud = await twoRegions()
  const { runtime, store } = cloud.a
  const oidc = oidcIssuer()
  const { issuer, audience, jwks } = oidc
  const details = { compartmentId: cloud.tenancyId, name: 'issuer', description: 'd', issuer, audience, jwks }
  const trusted = { ...details, matchingRule: "request.principal.sub = '*'" }
  expect(await cloud.call(cloud.a, 'POST', '/20160918/trustedIssuers', trusted)).toMatchObject({ status: 200 })
  const path = `/20160918/tenancies/${cloud.tenancyId}/actions/exchangeToken`
  for (const [shown, status] of [
    [await oidc.token({ sub: 'workload' }, { now: cloud.clock.now }), 200],
    ['no.token', 401],
  ] as const) {
    const headers = { authorization: `Bearer ${shown}` }
    const answer = await cloud.call(cloud.a, 'POST', path, { publicKey: publicKeyPem }, { headers })
    expect(answer).toMatchObject({ status })
  }
  if (!(runtime.audit instanceof GroupedAuditSink)) throw new Error('Events are written in groups here.')
  await runtime.audit.flush()
  const rows = store.database.prepare("SELECT body FROM item WHERE tbl = 'Audit' AND body LIKE '%ExchangeToken%'").all()
  const events = rows.flatMap(({ body }) => (JSON.parse(String(body)) as AuditItem).events)
  const exchanges = events.filter(({ data }) => data['eventName'] === 'ExchangeToken')
  expect(exchanges).toHaveLength(2)
  for (const { data } of exchanges) expect(data).toMatchObject({ identity: { authType: 'federated' } })
  cloud.close()
})
