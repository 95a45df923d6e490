import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BatchWriteItemCommand,
  paginateScan,
  type AttributeValue,
  type DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb'
import type { TableName } from '../../lib/ports.ts'
import { UserError } from '../../lib/userError.ts'

type Image = Record<string, AttributeValue>

/** The audit is not put back: nothing there is ever changed, and it says what is lost. */
const putBackTables: readonly TableName[] = ['Vaults', 'Keys', 'Identity', 'Requests', 'Replication']

/**
 * Rows that stay as they are: the state of the HSM, without whose newest roots and tenancies nothing opens, and what this
 * region knows of its peers, which are not put back.
 */
const keptPartitions: readonly string[] = ['hsm', 'peerMark']

export interface CopiedTable {
  readonly table: TableName
  readonly put: number
  readonly deleted: number
}

/**
 * Gives the deployment's own tables what is in those that were restored beside them: so their streams, indexes and names stay
 * those of the stack. Rows that are the same already are left alone, so that it goes on where it broke off.
 */
export async function copyTables(
  client: DynamoDBClient,
  { prefix, suffix }: { readonly prefix: string; readonly suffix: string },
): Promise<readonly CopiedTable[]> {
  const copied: CopiedTable[] = []
  for (const table of putBackTables) {
    const TableName = `${prefix}-${table}`
    copied.push({ table, ...(await copyTable(client, `${TableName}${suffix}`, TableName)) })
  }
  return copied
}

async function copyTable(client: DynamoDBClient, from: string, to: string) {
  const left = new Map<string, Buffer>()
  for await (const image of imagesOf(client, to)) left.set(keyOf(image), digestOf(image))
  const batch = new Batches(client, to)
  let put = 0
  for await (const image of imagesOf(client, from)) {
    const key = keyOf(image)
    const isSame = left.get(key)?.equals(digestOf(image)) === true
    left.delete(key)
    if (isSame) continue
    put += 1
    await batch.add({ PutRequest: { Item: image } })
  }
  for (const key of left.keys()) {
    const [pk = '', sk = ''] = JSON.parse(key) as readonly string[]
    await batch.add({ DeleteRequest: { Key: { pk: { S: pk }, sk: { S: sk } } } })
  }
  await batch.flush()
  return { put, deleted: left.size }
}

async function* imagesOf(client: DynamoDBClient, TableName: string): AsyncGenerator<Image> {
  try {
    for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true }))
      yield* Items.filter(({ pk }) => !keptPartitions.includes(pk?.S ?? ''))
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'ResourceNotFoundException') throw cause
    throw new UserError(`There is no table ${TableName}: restore it first (docs/deploy.md).`, { cause })
  }
}

function keyOf({ pk, sk }: Image): string {
  return JSON.stringify([pk?.S, sk?.S])
}

function digestOf(image: Image): Buffer {
  const hash = createHash('sha256')
  for (const name of Object.keys(image).sort()) hash.update(JSON.stringify([name, image[name]]))
  return hash.digest()
}

const writesAtOnce = 25

/** Writes as DynamoDB takes them: 25 at once, again and again what it had no capacity for. */
class Batches {
  readonly #client: DynamoDBClient
  readonly #table: string
  #waiting: WriteRequest[] = []

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client
    this.#table = table
  }

  async add(request: WriteRequest): Promise<void> {
    this.#waiting.push(request)
    if (this.#waiting.length === writesAtOnce) await this.flush()
  }

  async flush(): Promise<void> {
    for (let pauseMs = 50; this.#waiting.length > 0; pauseMs = Math.min(2 * pauseMs, 5000)) {
      const { UnprocessedItems = {} } = await this.#client.send(
        new BatchWriteItemCommand({ RequestItems: { [this.#table]: this.#waiting } }),
      )
      this.#waiting = UnprocessedItems[this.#table] ?? []
      if (this.#waiting.length > 0) await sleep(pauseMs)
    }
  }
}
