import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DeleteItemCommand,
  PutItemCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { exportTable } from '../../../deploy/audit/exportTable.ts'
import { putNew, s3Target } from '../../../deploy/audit/s3Target.ts'
import { headRows } from '../../../lib/kms/auditChain/auditHead.ts'
import { GroupedAuditSink } from '../../../lib/kms/groupedAuditSink.ts'
import { reconcile } from '../../../lib/replication/reconcile.ts'
import { verifyAudit } from '../../../local/audit/verifyAudit.ts'
import { regionA, regionB } from '../../harness/twoRegions.ts'
import type { AwsCloud } from './awsRegions.ts'
import type { Aws } from './onLocalStack.ts'

type Image = Record<string, AttributeValue>

/** The audit that the story has left in both regions' tables: its heads told, exported to a bucket, fetched and verified. */
export function auditStory(aws: Aws, cloudOf: () => AwsCloud): void {
  const tableName = `${aws.run}-Audit`
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-audit-story-'))
  const bucket = `${aws.run}-archive`
  const target = s3Target(`s3://${bucket}/audit`)
  const objects: string[] = []
  let s3: S3Client
  let exports = 0

  beforeAll(async () => {
    s3 = new S3Client(aws.options(regionA))
    await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  })
  afterAll(async () => {
    for (const Key of objects) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
    await s3.send(new DeleteBucketCommand({ Bucket: bucket }))
    s3.destroy()
    rmSync(directory, { recursive: true })
  })

  /** As `npm run export-audit -- --target s3://…` for these regions, then fetched by whoever keeps the archive. */
  async function exported(regions: readonly string[]): Promise<readonly string[]> {
    const files: string[] = []
    for (const region of regions) {
      const name = `${(exports += 1)}-${region}.jsonl`
      const options = { region, tableName, exportedAt: new Date().toISOString(), range: null }
      const file = join(directory, name)
      await exportTable({ ...options, client: aws.dynamo(region), file })
      if (target === undefined) throw new Error('unreachable')
      expect(await putNew(s3, target, name, file)).toBe(`s3://${bucket}/audit/${name}`)
      objects.push(`audit/${name}`)
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: `audit/${name}` }))
      const fetched = join(directory, `fetched-${name}`)
      writeFileSync(fetched, (await Body?.transformToByteArray()) ?? '')
      files.push(fetched)
    }
    return files
  }

  async function verified(regions: readonly string[]) {
    const root = join(directory, 'root.pem')
    const { a, tenancyId } = cloudOf()
    writeFileSync(root, a.hsm.trustRoot(tenancyId))
    return (await verifyAudit(await exported(regions), { root, now: Date.now() })).reports
  }

  async function rows(client: DynamoDBClient, isWanted: (pk: string) => boolean): Promise<readonly Image[]> {
    const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }))
    return Items.filter(({ pk }) => isWanted(pk?.S ?? ''))
  }

  /** While a row of the first region’s table is another one, or gone. */
  async function instead(row: Image, other: Image | undefined, work: () => Promise<void>): Promise<void> {
    const client = aws.dynamo(regionA)
    const { pk, sk } = row
    if (pk === undefined || sk === undefined) throw new Error('It has no key.')
    await client.send(
      other === undefined
        ? new DeleteItemCommand({ TableName: tableName, Key: { pk, sk } })
        : (new PutItemCommand({ TableName: tableName, Item: other }) as never),
    )
    try {
      await work()
    } finally {
      await client.send(new PutItemCommand({ TableName: tableName, Item: row }))
    }
  }

  const isEvent = (pk: string) => pk.startsWith('ocid1.') && !pk.startsWith(headRows.headPk)

  test('has an audit whose chain verifies in both regions, exported to S3 and fetched from there', async () => {
    const cloud = cloudOf()
    for (const { chain, runtime } of [cloud.a, cloud.b]) {
      if (runtime.audit instanceof GroupedAuditSink) await runtime.audit.flush()
      await chain.seal()
      await reconcile(runtime)
    }
    await cloud.settle()
    const reports = await verified([regionA, regionB])
    expect(reports.map(({ region, findings }) => [region, findings])).toEqual([
      [regionA, []],
      [regionB, []],
    ])
    for (const { events, heads } of reports) {
      expect(events).toBeGreaterThan(0)
      expect(heads).toBeGreaterThan(0)
    }
  })

  test('an object that is there already is not overwritten', async () => {
    const [file] = await exported([regionA])
    if (target === undefined || file === undefined) throw new Error('unreachable')
    const [name = ''] = objects.slice(-1).map((each) => each.slice('audit/'.length))
    await expect(putNew(s3, target, name, file)).rejects.toThrow(`s3://${bucket}/audit/${name} could not be written`)
  })

  test('an event that is altered in the table, or deleted from it, is named', async () => {
    const [row] = await rows(aws.dynamo(regionA), isEvent)
    if (row === undefined) throw new Error('There is no event.')
    const altered = JSON.parse(JSON.stringify(row).replace(/"eventName":\{"S":"/, '$&Not')) as Image
    expect(altered).not.toEqual(row)
    for (const [other, kind] of [
      [altered, 'altered'],
      [undefined, 'missing'],
    ] as const)
      await instead(row, other, async () => {
        const [report] = await verified([regionA, regionB])
        expect(report?.findings[0]?.kind).toBe(kind)
      })
  })

  test('a head that is taken away is found by what the other region was told', async () => {
    const [head] = await rows(aws.dynamo(regionA), (pk) => pk.startsWith(headRows.headPk))
    if (head === undefined) throw new Error('There is no head.')
    await instead(head, undefined, async () => {
      const [report] = await verified([regionA, regionB])
      expect(report?.findings.map(({ kind }) => kind)).toContain('cut')
    })
  })
}
