import { canonicalJson, type JsonObject } from '../../lib/canonicalJson.ts'
import { identitySk, type PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import type { Item, Tables } from '../../lib/ports.ts'
import { keySk, vaultSk, versionSk, wrappingKeySk } from '../../lib/kms/rows/rows.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import type { TestRegion } from '../harness/twoRegions.ts'

/** What a newer version keeps in its rows and this one has never heard of. */
export const newer = { residency: { only: ['eu'], until: null } } as const

export interface Place {
  readonly table: 'Vaults' | 'Keys'
  readonly pk: string
  readonly sk: string
}

export const places = {
  vault: (vaultId: string): Place => ({ table: 'Vaults', pk: vaultId, sk: vaultSk }),
  wrappingKey: (vaultId: string): Place => ({ table: 'Vaults', pk: vaultId, sk: wrappingKeySk }),
  key: (keyId: string): Place => ({ table: 'Keys', pk: keyId, sk: keySk }),
  version: (keyId: string, materialId: string): Place => ({ table: 'Keys', pk: keyId, sk: versionSk(materialId) }),
} as const

export async function openedVault({ runtime }: TestRegion, vaultId: string): Promise<Vault> {
  const vault = await runtime.cache.freshVault(vaultId)
  if (vault === undefined) throw new Error(`There is no vault ${vaultId}.`)
  return vault
}

export async function storedAt(tables: Pick<Tables, 'get'>, { table, pk, sk }: Place): Promise<Item> {
  const row = await tables.get(table, pk, sk)
  if (row === undefined) throw new Error(`There is no row ${pk} ${sk}.`)
  return row
}

/** Writes a row as a version with other members or another format would: under the vault's MAC. */
export async function writeChanged(
  { runtime }: TestRegion,
  { keys }: Vault,
  place: Place,
  change: JsonObject,
): Promise<void> {
  const { writeId: _written, ...stored } = await storedAt(runtime.tables, place)
  const row = { ...stored, ...change, revision: Number(stored.revision) + 1 }
  const { mac: _mac, gpk: _gpk, byTime: _byTime, byName: _byName, ...covered } = row as JsonObject
  const mac = keys.rowMac(canonicalJson(covered)).toString('base64')
  await runtime.tables.write([{ op: 'put', table: place.table, item: { ...row, mac } }])
}

/** Appends a policy's row with other members, signed by the home region as a newer version of it would. */
export async function changePolicy({ runtime }: TestRegion, tenancyId: string, policyId: string, change: object) {
  const stored = await runtime.tables.get('Identity', tenancyId, identitySk.policy(policyId))
  const row = { ...(stored as unknown as PolicyRow), ...change }
  const isDone = await appendIdentity(runtime, tenancyId, { after: await headSeq(runtime, tenancyId), puts: [row] })
  if (!isDone) throw new Error('Another entry was faster.')
}
