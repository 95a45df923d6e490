import type { Json } from '../canonicalJson.ts'
import type { Item, Tables } from '../ports.ts'

/** The dead letters of the tables' streams: changes that no try could send, each with its reason. */
const deadPk = 'deadChanges'

/** `name` is the change's own, so that burying it again changes nothing. */
export async function buryChange(
  tables: Pick<Tables, 'write'>,
  name: string,
  change: Json,
  reason: unknown,
): Promise<void> {
  const item: Item = { pk: deadPk, sk: name, change, reason: String(reason) }
  await tables.write([{ op: 'put', table: 'Replication', item }])
}

/** By their names. */
export async function deadChanges(tables: Pick<Tables, 'query'>, limit: number): Promise<readonly Item[]> {
  return (await tables.query('Replication', deadPk, '', { limit })).items
}
