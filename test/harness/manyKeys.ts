import { randomBytes } from 'node:crypto'
import { treeWrites } from '../../lib/kms/rows/digestTree.ts'
import { keySk, versionSkPrefix, type KeyRow, type KeyVersionRow } from '../../lib/kms/rows/rows.ts'
import { keyDigest, versionsDigest } from '../../lib/kms/rows/rowsDigest.ts'
import { keyWithMac, versionWithMac } from '../../lib/kms/rows/rowMac.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { parseOcid, type Ocid } from '../../lib/ocid.ts'
import type { Item, Write } from '../../lib/ports.ts'
import { makeKey } from './vaultStory.ts'
import type { TestCloud, TestRegion } from './twoRegions.ts'

const keysAtOnce = 25

/**
 * Puts so many keys into a vault of both regions as replication would have left them: the rows of one key that was really
 * made, under other OCIDs, with their places in the digests. Their material opens for nobody.
 */
export async function plantKeys(cloud: TestCloud, vaultId: string, count: number): Promise<readonly Ocid[]> {
  const made = await makeKey(cloud, vaultId)
  await cloud.settle()
  const { tables } = cloud.a.store
  const key = (await tables.get('Keys', String(made.body['id']), keySk)) as unknown as KeyRow
  const { items } = await tables.query('Keys', key.id, versionSkPrefix, { limit: 1 })
  const version = items[0] as unknown as KeyVersionRow
  const ids = Array.from({ length: count }, () =>
    parseOcid(key.id.slice(0, -24) + randomBytes(12).toString('hex'), 'keyId'),
  )
  for (const region of [cloud.a, cloud.b]) await plantIn(region, vaultId, { key, version }, ids)
  for (const region of [cloud.a, cloud.b]) await forgetChanges(region)
  return ids
}

/** What a stream has told already. */
async function forgetChanges({ store: { tables } }: TestRegion): Promise<void> {
  for (let changes = await tables.readChanges(0, 1000); ; changes = await tables.readChanges(0, 1000)) {
    const last = changes.at(-1)
    if (last === undefined) return
    await tables.trimChanges(last.seq)
  }
}

async function plantIn(
  { runtime, store: { tables } }: TestRegion,
  vaultId: string,
  rows: { readonly key: KeyRow; readonly version: KeyVersionRow },
  ids: readonly Ocid[],
): Promise<void> {
  const vault = await runtime.cache.freshVault(vaultId)
  if (vault === undefined) throw new Error(`There is no vault ${vaultId} here.`)
  const leaves = new Map<string, Item>()
  const known = {
    get: async (_: string, pk: string, sk: string) => leaves.get(`${pk} ${sk}`) ?? tables.get('Replication', pk, sk),
  }
  for (let start = 0; start < ids.length; start += keysAtOnce) {
    const writes: Write[] = []
    for (const id of ids.slice(start, start + keysAtOnce)) {
      const { key, version } = renamed(vault, rows, id)
      const { epoch, revision } = key
      const digest = keyDigest(key, versionsDigest([version]))
      const [entry, leaf] = await treeWrites(known, vaultId, { id, epoch, revision, digest })
      if (entry === undefined || leaf?.op !== 'put') throw new Error('A key has an entry and a leaf.')
      leaves.set(`${leaf.item.pk} ${leaf.item.sk}`, leaf.item)
      for (const item of [key, version]) writes.push({ op: 'put', table: 'Keys', item: { ...item } })
      writes.push(entry)
    }
    await tables.write(writes)
  }
  for (const item of leaves.values()) await tables.write([{ op: 'put', table: 'Replication', item }])
}

function renamed(vault: Vault, rows: { readonly key: KeyRow; readonly version: KeyVersionRow }, id: Ocid) {
  const version = versionWithMac(vault.keys, { ...rows.version, pk: id, keyId: id })
  const key = keyWithMac(vault.keys, { ...rows.key, pk: id, id, versionsDigest: versionsDigest([version]) })
  return { key, version }
}
