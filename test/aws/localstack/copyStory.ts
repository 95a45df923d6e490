import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { copyTables } from '../../../deploy/putBack/copyTables.ts'
import { regionA } from '../../harness/twoRegions.ts'
import type { Aws } from './onLocalStack.ts'
import { createTables, deleteTables } from './tables.ts'

/** Tables that were restored beside the deployment's own, and what `npm run put-back -- --do copy` makes of those. */
export function copyStory(aws: Aws): void {
  const prefix = `${aws.run}-copied`
  const suffix = '-put-back'
  const own = (table: string) => `${prefix}-${table}`
  const restored = (table: string) => own(table) + suffix

  beforeAll(async () => {
    for (const nameOf of [own, restored]) await createTables(aws.dynamo(regionA), nameOf)
  })
  afterAll(async () => {
    for (const nameOf of [own, restored]) await deleteTables(aws.dynamo(regionA), nameOf)
  })

  const put = async (TableName: string, pk: string, is: string) => {
    const Item = { pk: { S: pk }, sk: { S: 'row' }, is: { M: { text: { S: is } } } }
    await aws.dynamo(regionA).send(new PutItemCommand({ TableName, Item }))
  }
  const rows = async (TableName: string): Promise<Record<string, string | undefined>> => {
    const { Items = [] } = await aws.dynamo(regionA).send(new ScanCommand({ TableName, ConsistentRead: true }))
    return Object.fromEntries(Items.map(({ pk, is }) => [pk?.S ?? '', is?.M?.['text']?.S]))
  }
  const copy = () => copyTables(aws.dynamo(regionA), { prefix, suffix })

  test('tables have what those restored beside them have; the audit, the HSM’s state and what peers have told stay', async () => {
    for (const [pk, then, now] of [
      ['same', 'same', 'same'],
      ['changed', 'then', 'now'],
      ['deleted', 'then', undefined],
      ['made', undefined, 'now'],
      ['hsm', 'then', 'now'],
      ['peerMark', 'then', 'now'],
      ['tableMark', 'then', 'now'],
    ] as const) {
      for (const table of ['Replication', 'Audit']) {
        if (then !== undefined) await put(restored(table), pk, then)
        if (now !== undefined) await put(own(table), pk, now)
      }
    }
    // More than DynamoDB takes at once.
    for (let each = 0; each < 30; each += 1) await put(restored('Keys'), `key${each}`, 'then')
    const audit = await rows(own('Audit'))
    expect(await copy()).toEqual([
      { table: 'Vaults', put: 0, deleted: 0 },
      { table: 'Keys', put: 30, deleted: 0 },
      { table: 'Identity', put: 0, deleted: 0 },
      { table: 'Requests', put: 0, deleted: 0 },
      { table: 'Replication', put: 3, deleted: 1 },
    ])
    expect(await rows(own('Replication'))).toEqual({
      same: 'same',
      changed: 'then',
      deleted: 'then',
      hsm: 'now',
      peerMark: 'now',
      tableMark: 'then',
    })
    expect(await rows(own('Keys'))).toEqual(await rows(restored('Keys')))
    expect(await rows(own('Audit'))).toEqual(audit)
    for (const { put: again, deleted } of await copy()) expect([again, deleted]).toEqual([0, 0])
  })

  test('a table that was not restored is named', async () => {
    await expect(copyTables(aws.dynamo(regionA), { prefix, suffix: '-nowhere' })).rejects.toThrow(
      `There is no table ${own('Vaults')}-nowhere: restore it first (docs/deploy.md).`,
    )
  })
}
