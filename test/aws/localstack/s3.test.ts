import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { s3Root } from '../../../lib/store/backups/s3Root.ts'
import { rootContract } from '../../store/rootContract.ts'
import { onLocalStack } from './onLocalStack.ts'

const accountId = '000000000000'
const region = 'us-east-1'

await onLocalStack('S3', (aws) => {
  const client = new S3Client(aws.options(region))
  const buckets: string[] = []
  const newBucket = async (): Promise<string> => {
    const Bucket = `${aws.run}-${buckets.length}`
    await client.send(new CreateBucketCommand({ Bucket }))
    buckets.push(Bucket)
    return Bucket
  }
  const emptied = async (Bucket: string): Promise<void> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }))
  }
  const rootOf = (bucket: string) => s3Root({ bucket, accountId, client: aws.options(region) })

  afterAll(async () => {
    for (const Bucket of buckets) {
      await emptied(Bucket)
      await client.send(new DeleteBucketCommand({ Bucket }))
    }
    client.destroy()
  })

  rootContract('a bucket', async () => rootOf(await newBucket()))

  test('a bucket that is not there is an error, not an absent object', async () => {
    await expect(rootOf(`${aws.run}-none`).get('t/ns/b/o', 100)).rejects.toMatchObject({ name: 'NoSuchBucket' })
  })
})
