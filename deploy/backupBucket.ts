import type { Parameters } from './parameters.ts'
import { outlivesStack } from './tables.ts'

export interface BackupBucketOptions extends Pick<Parameters, 'homeRegion'> {
  /** Of every name: `vaultspan-{stage}`. */
  readonly prefix: string
  readonly region: string
}

/** How long an overwritten or deleted backup can be got back: as long as the tables' point-in-time recovery. */
const noncurrentDays = 35

/** Names of buckets are global, and free again only some time after a deletion: so account and region are in it. */
export function backupBucketName({ prefix, homeRegion }: Omit<BackupBucketOptions, 'region'>): string {
  return `${bucketNameStart(prefix, homeRegion)}\${AWS::AccountId}`
}

/** All of a bucket's name but the account. */
export function bucketNameStart(prefix: string, homeRegion: string): string {
  return `${prefix}-backups-${homeRegion}-`
}

/**
 * Where all regions' functions keep backups: in the home region's stack only, which is deployed first. It outlives the
 * stack as the tables do: `npm run remove` says how to delete it.
 */
export function backupBucket({ prefix, region, homeRegion }: BackupBucketOptions): Record<string, object> {
  if (region !== homeRegion) return {}
  const arn = { 'Fn::GetAtt': ['BackupBucket', 'Arn'] }
  return {
    BackupBucket: {
      Type: 'AWS::S3::Bucket',
      ...outlivesStack,
      Properties: {
        BucketName: { 'Fn::Sub': backupBucketName({ prefix, homeRegion }) },
        VersioningConfiguration: { Status: 'Enabled' },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LifecycleConfiguration: {
          Rules: [
            {
              Id: 'Superseded',
              Status: 'Enabled',
              NoncurrentVersionExpiration: { NoncurrentDays: noncurrentDays },
              ExpiredObjectDeleteMarker: true,
            },
          ],
        },
      },
    },
    BackupBucketPolicy: {
      Type: 'AWS::S3::BucketPolicy',
      ...outlivesStack,
      Properties: {
        Bucket: { Ref: 'BackupBucket' },
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'OnlyTls',
              Effect: 'Deny',
              Principal: '*',
              Action: ['s3:*'],
              Resource: [arn, { 'Fn::Sub': '${BackupBucket.Arn}/*' }],
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        },
      },
    },
  }
}
