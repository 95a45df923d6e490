import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { bucketNameStart } from './backupBucket.ts'
import { UserError } from '../lib/userError.ts'

/** The bucket of backups that the account has in a region; undefined where it has none: only a home region does. */
export async function backupBucketOf(region: string, prefix: string): Promise<string | undefined> {
  const Prefix = bucketNameStart(prefix, region)
  const { Buckets = [] } = await new S3Client({ region }).send(new ListBucketsCommand({ Prefix }))
  const names = Buckets.map(({ Name = '' }) => Name)
  return names.find((name) => name.startsWith(Prefix) && /^\d{12}$/.test(name.slice(Prefix.length)))
}

/** The bucket of backups with all versions of all of them; nothing where there is none. */
export async function deleteBackups(region: string, prefix: string): Promise<void> {
  const Bucket = await backupBucketOf(region, prefix)
  if (Bucket === undefined) return
  const client = new S3Client({ region })
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }))
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }))
    if (Objects.length === 0) break
    const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
    const [failed] = Errors
    if (failed !== undefined) throw new UserError(`${Bucket}/${failed.Key} is not deleted: ${failed.Message}`)
  }
  await client.send(new DeleteBucketCommand({ Bucket }))
}
