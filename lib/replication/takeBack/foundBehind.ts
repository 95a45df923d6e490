import type { Item, Tables } from '../../ports.ts'
import type { MissingChanges } from './missingChanges.ts'

/** What a peer knew of this region, and this region had not. */
export interface FoundBehind extends MissingChanges {
  readonly peer: string
}

const at = { pk: 'putBack', sk: 'found' } as const

/** Once found, a region is an older copy until that is put right: its peer may be away at the next start. */
export async function noteBehind(tables: Pick<Tables, 'write'>, { peer, has, knows }: FoundBehind): Promise<void> {
  const item: Item = { ...at, peer, has, knows }
  await tables.write([{ op: 'put', table: 'Replication', item }])
}

export async function notedBehind(tables: Pick<Tables, 'get'>): Promise<FoundBehind | undefined> {
  const row = await tables.get('Replication', at.pk, at.sk)
  // INVARIANT: written by noteBehind.
  return row === undefined ? undefined : (row as unknown as FoundBehind)
}

/** What was missing was taken back. */
export async function forgetBehind(tables: Pick<Tables, 'write'>): Promise<void> {
  await tables.write([{ op: 'delete', table: 'Replication', ...at }])
}
