import { eachItem } from './rows/pages.ts'
import type { Item, PageRequest, Tables, Write } from '../ports.ts'

/** What falls due: the deletion of a vault, a key or a version, or a key's next rotation. */
export interface Due {
  readonly kind: 'deletion' | 'rotation'
  readonly vaultId: string
  /** null: the vault itself. */
  readonly keyId: string | null
  /** null: the whole key. */
  readonly materialId: string | null
  /** RFC 3339, UTC, as the resource's own row has it. */
  readonly at: string
}

/**
 * A reminder, written in the transaction that sets the time and removed in the one that does what is due. The resource's row
 * decides what is done: a reminder that says something else is dropped.
 */
export interface DueRow extends Due, Item {}

/** One clock would make one partition hot, so reminders lie in several, by their vault. */
export const dueShards = 16

function shardOf(vaultId: string): number {
  return (vaultId.charCodeAt(vaultId.length - 1) * 31 + vaultId.charCodeAt(vaultId.length - 2)) % dueShards
}

function dueKey(due: Due): { pk: string; sk: string } {
  const of = [due.at, due.kind, due.vaultId, due.keyId ?? '', due.materialId ?? '']
  return { pk: duePartition(shardOf(due.vaultId)), sk: of.join('#') }
}

function duePartition(shard: number): string {
  return `due#${shard}`
}

/** Keys of a vault that are to be deleted, by their time: a vault must not be deleted before them. */
function pendingKey({ vaultId, keyId, at }: Due): { pk: string; sk: string } {
  return { pk: `pending#${vaultId}`, sk: `${at}#${keyId ?? ''}` }
}

function isKeyDeletion({ kind, keyId, materialId }: Due): boolean {
  return kind === 'deletion' && keyId !== null && materialId === null
}

export function storeReminder(due: Due): readonly Write[] {
  const row: DueRow = { ...dueKey(due), ...due }
  const reminder: Write = { op: 'put', table: 'Replication', item: row }
  return isKeyDeletion(due) ? [reminder, { op: 'put', table: 'Replication', item: pendingKey(due) }] : [reminder]
}

export function deleteReminder(due: Due): readonly Write[] {
  const reminder: Write = { op: 'delete', table: 'Replication', ...dueKey(due) }
  return isKeyDeletion(due) ? [reminder, { op: 'delete', table: 'Replication', ...pendingKey(due) }] : [reminder]
}

/** The latest time at which a key of the vault is to be deleted; undefined where none is. */
export async function latestKeyDeletion(tables: Pick<Tables, 'query'>, vaultId: string): Promise<string | undefined> {
  const { items } = await tables.query('Replication', `pending#${vaultId}`, '', { limit: 1, descending: true })
  return items[0]?.sk.split('#')[0]
}

/** Reminders of one shard in the order of their times, the earliest first. */
export async function* eachDue(tables: Pick<Tables, 'query'>, shard: number): AsyncGenerator<DueRow> {
  const read = (request: PageRequest) => tables.query('Replication', duePartition(shard), '', request)
  for await (const item of eachItem(read, { limit: 50 })) yield item as DueRow
}
