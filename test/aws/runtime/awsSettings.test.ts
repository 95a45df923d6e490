import { awsSettings } from '../../../lib/aws/awsSettings.ts'

const given = {
  AWS_REGION: 'us-east-1',
  REGIONS: 'us-east-1,us-west-2',
  HOME_REGION: 'us-east-1',
  RESOURCE_PREFIX: 'vaultspan-test',
  ACCOUNT_ID: '000000000000',
  DOMAIN: 'example.com',
  BACKUP_BUCKET: 'vaultspan-test-backups',
  VAULT_KEKS_KEY: 'alias/test-keks',
}

test('what serverless.yml sets is enough', () => {
  expect(awsSettings(given)).toMatchObject({
    region: 'us-east-1',
    regions: ['us-east-1', 'us-west-2'],
    replicationAck: 'available',
    keyCacheMs: 1000,
    auditRetentionDays: 365,
  })
})

test.each(Object.keys(given))('without %s a function does not start, and says so', (name) => {
  expect(() => awsSettings({ ...given, [name]: '' })).toThrow(`The environment variable ${name} is missing.`)
})

test.each([
  [{ AWS_REGION: 'eu-west-1' }, 'AWS_REGION is "eu-west-1", which is not among REGIONS.'],
  [{ HOME_REGION: 'eu-west-1' }, 'HOME_REGION is "eu-west-1", which is not among REGIONS.'],
  [{ REPLICATION_ACK: 'maybe' }, 'REPLICATION_ACK is "maybe"; it takes available or strict.'],
  [{ KEY_CACHE_MS: '1s' }, 'KEY_CACHE_MS is "1s"; it takes a whole number of milliseconds.'],
  [{ AUDIT_RETENTION_DAYS: '0' }, 'AUDIT_RETENTION_DAYS is "0"; it takes a whole number of days from 1 to 99999.'],
  [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL is "loud"; it takes info, warn, error, silent.'],
])('%o is refused', (change, reason) => {
  expect(() => awsSettings({ ...given, ...change })).toThrow(reason)
})
