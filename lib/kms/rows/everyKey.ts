import type { Tables } from '../../ports.ts'
import { treePage, treeProgress, treeStart, type TreePage, type TreePlace } from './digestTree.ts'
import { keyPartitions } from './listing.ts'
import { eachRow } from './pages.ts'
import type { KeyRow } from './rows.ts'

/**
 * Every key of a vault, by primary key: for whatever must miss none. In a vault of 0.1.0 whose keys are not all entered
 * yet the listing index tells the others: nothing has written them since, so it has caught up long ago.
 */
export async function* everyKeyId(
  tables: Pick<Tables, 'get' | 'query' | 'queryIndex'>,
  vaultId: string,
): AsyncGenerator<string> {
  const isWhole = (await treeProgress(tables, vaultId))?.isWhole === true
  const seen = new Set<string>()
  for (let from: TreePlace | undefined = treeStart; from !== undefined;) {
    const page: TreePage = await treePage(tables, vaultId, from, 200)
    for (const { sk } of page.entries) {
      if (!isWhole) seen.add(sk)
      yield sk
    }
    from = page.next
  }
  if (isWhole) return
  for (const gpk of keyPartitions(vaultId)) {
    for await (const { id } of eachRow<KeyRow>(tables, 'Keys', gpk)) if (!seen.has(id)) yield id
  }
}
