import type { Readable } from 'node:stream'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { KmsError } from '../../errors.ts'
import type { ObjectRoot } from './backupStore.ts'
import { boundedText, tooLarge } from './boundedText.ts'
import { judgeStored } from './replacing.ts'

export interface S3RootOptions {
  readonly bucket: string
  /** Whose the bucket must be: names are global, and nothing goes to somebody else's. */
  readonly accountId: string
  readonly client: S3ClientConfig
}

/** With all its repeats, and to the end of an object: it ends before the function's own time-out. */
const timeoutMs = 15_000
const attempts = 4

interface Found {
  readonly text: string
  /** What S3 knows this very object by. */
  readonly etag?: string
}

/** Objects in a bucket. S3 shows the old object or the new one, never a part. */
export function s3Root({ bucket, accountId, client }: S3RootOptions): ObjectRoot {
  const inBucket = (path: string) => ({ Bucket: bucket, ExpectedBucketOwner: accountId, Key: path })
  let opened: ReturnType<typeof openS3> | undefined
  const s3 = () => (opened ??= openS3(client))
  const limit = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) })
  const read = async (path: string, maxBytes: number): Promise<Found | undefined> => {
    const { s3Client, GetObjectCommand } = await s3()
    try {
      const found = await s3Client.send(new GetObjectCommand(inBucket(path)), limit())
      // INVARIANT: what Node's SDK gives is a stream of Node's. It holds a connection until it is read or ended.
      const body = found.Body as Readable
      const etag = found.ETag === undefined ? {} : { etag: found.ETag }
      if ((found.ContentLength ?? 0) <= maxBytes) return { text: await boundedText(body, maxBytes), ...etag }
      body.destroy()
    } catch (cause) {
      if (isMissing(cause)) return undefined
      throw cause
    }
    throw tooLarge(maxBytes)
  }
  return {
    put: async (path, text, replacing) => {
      const { s3Client, PutObjectCommand } = await s3()
      const Body = Buffer.from(text)
      const about = { ContentLength: Body.length, ContentType: 'application/json' }
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const found: Found | false | undefined =
          replacing === undefined ? { text: '' } : await judgeStored(replacing, (maxBytes) => read(path, maxBytes))
        if (found === false) return false
        const condition =
          found === undefined ? { IfNoneMatch: '*' } : found.etag === undefined ? {} : { IfMatch: found.etag }
        try {
          await s3Client.send(new PutObjectCommand({ ...inBucket(path), ...about, ...condition, Body }), limit())
          return true
        } catch (cause) {
          if (!isOvertaken(cause)) throw cause
        }
      }
      throw new KmsError('incorrectState', 'The object at backupLocation is being changed by others; try again.')
    },
    get: async (path, maxBytes) => (await read(path, maxBytes))?.text,
  }
}

/** Another put came between the look and this one. */
function isOvertaken(cause: unknown): boolean {
  return ['PreconditionFailed', 'ConditionalRequestConflict'].includes((cause as Error).name)
}

/** Loaded when a backup is first made or restored: a function that starts pays nothing for it. */
async function openS3(config: S3ClientConfig) {
  const { GetObjectCommand, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  return { s3Client: new S3Client(config), GetObjectCommand, PutObjectCommand }
}

/** S3 says so only to whoever may list the bucket (deploy/roles.ts); to others what is absent is forbidden. */
function isMissing(cause: unknown): boolean {
  return (cause as Error).name === 'NoSuchKey'
}
