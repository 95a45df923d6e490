import { treeLeaves } from '../../lib/kms/rows/digestTree.ts'
import { everyKeyId } from '../../lib/kms/rows/everyKey.ts'
import { storedVersions } from '../../lib/kms/keys/commitKey.ts'
import type { KeyRow, KeyVersionRow } from '../../lib/kms/rows/rows.ts'
import type { CallableRegion } from '../harness/signedCall.ts'

/** A vault's rows as a region stores them, each told by its MAC, and its sums. */
export async function storedRows({ runtime }: CallableRegion, vaultId: string): Promise<unknown> {
  const vault = await runtime.cache.freshVault(vaultId)
  if (vault === undefined) return undefined
  const rows: Record<string, unknown> = {}
  for await (const keyId of everyKeyId(runtime.tables, vaultId)) {
    const key = (await runtime.cache.freshKey(vault.keys, keyId)) as KeyRow
    rows[keyId] = shown(key)
    for (const version of await storedVersions(runtime.tables, vault, keyId)) rows[version.id] = shown(version)
  }
  const leaves = Object.fromEntries(await treeLeaves(runtime.tables, vaultId))
  return { vault: vault.row.mac, rows, leaves }
}

function shown({ mac, revision, lifecycleState }: KeyRow | KeyVersionRow): string {
  return `${lifecycleState} at ${revision}, ${mac}`
}
