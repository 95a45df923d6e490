import { openAwsStandIn } from '../../../bench/awsStandIn.ts'
import { AwsRegion } from '../../../lib/aws/awsRegion.ts'
import { awsSettings } from '../../../lib/aws/awsSettings.ts'

const settings = {
  AWS_REGION: 'us-east-1',
  REGIONS: 'us-east-1,us-west-2',
  HOME_REGION: 'us-east-1',
  RESOURCE_PREFIX: 'vaultspan-test',
  ACCOUNT_ID: '000000000000',
  DOMAIN: 'example.com',
  BACKUP_BUCKET: 'vaultspan-test-backups',
  VAULT_KEKS_KEY: 'alias/test-keks',
  LOG_LEVEL: 'silent',
  AUDIT_RETENTION_DAYS: '400',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
}
const { env } = process
afterEach(() => {
  process.env = env
})

test('whatever a function writes into the audit expires after AUDIT_RETENTION_DAYS, and nothing else does', async () => {
  const aws = await openAwsStandIn(settings)
  process.env = { ...env, ...settings, AWS_ENDPOINT_URL: aws.endpoint }
  const before = Math.ceil(Date.now() / 1000) + 400 * 86_400
  const { runtime, flush } = await new AwsRegion(awsSettings(process.env)).current()
  const event = { eventType: 'e', eventId: 'i', eventTime: new Date().toISOString(), data: { compartmentId: 'c' } }
  await runtime.audit.append(event)
  await flush()
  const item = { pk: 'a', sk: 'b' }
  await runtime.tables.write([
    { op: 'put', table: 'Audit', item },
    { op: 'put', table: 'Vaults', item },
  ])
  const texts = aws.asked.filter(({ action }) => /Put|Write/.test(action)).map(({ input }) => JSON.stringify(input))
  const after = Math.ceil(Date.now() / 1000) + 400 * 86_400
  const expiries = texts.join('').matchAll(/"expiresAt":\{"N":"(\d+)"\}/g)
  const found = [...expiries].map(([, seconds]) => Number(seconds))
  const puts = (table: string) => texts.join('').split(`"TableName":"vaultspan-test-${table}"`).length - 1
  expect(puts('Vaults')).toBe(1)
  // The event, its minute's mark, and the row.
  expect(puts('Audit')).toBe(3)
  expect(found).toHaveLength(puts('Audit'))
  for (const seconds of found) expect(seconds >= before && seconds <= after).toBe(true)
  aws.close()
})
