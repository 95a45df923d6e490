import { readFileSync } from 'node:fs'
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { UserError, messageOf } from '../../lib/userError.ts'

export interface S3Target {
  readonly bucket: string
  /** '' or a text that ends in a slash. */
  readonly prefix: string
}

/** `s3://bucket/prefix`; undefined: it names no bucket. @throws UserError */
export function s3Target(text: string): S3Target | undefined {
  if (!text.startsWith('s3://')) return undefined
  const [, bucket = '', rest = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(text) ?? []
  if (bucket === '') throw new UserError(`"${text}" names no bucket; it looks like s3://archive/audit.`)
  return { bucket, prefix: rest === '' || rest.endsWith('/') ? rest : `${rest}/` }
}

/** A new object: none that is there is ever overwritten. Resolves with its name. */
export async function putNew(
  client: S3Client,
  { bucket, prefix }: S3Target,
  name: string,
  file: string,
): Promise<string> {
  const Key = prefix + name
  try {
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key,
        // Not a stream, which the SDK could not send again.
        Body: readFileSync(file),
        ContentType: 'application/jsonl',
        IfNoneMatch: '*',
      }),
    )
  } catch (cause) {
    throw new UserError(`s3://${bucket}/${Key} could not be written: ${messageOf(cause)}`, { cause })
  }
  return `s3://${bucket}/${Key}`
}
