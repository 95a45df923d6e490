import type { WrappedKey } from '../../hsm/hsm.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { newEtag, type Mutation } from '../mutation.ts'
import { newKeyVersionOcid, newMaterialId } from '../../ocid.ts'
import { versionSk, type KeyRow, type KeyVersionRow } from '../rows/rows.ts'
import { materialContext, type VersionOf } from '../rows/versionContext.ts'
import type { WithoutMac } from '../rows/rowMac.ts'
import type { Vault } from '../vaultCache.ts'

/** When and by which request rows were written; the same in all rows of one change. */
export type Stamp = Pick<KeyRow, 'epoch' | 'revision' | 'etag' | 'committedAt' | 'request'>

export function newStamp(
  ports: Pick<KmsPorts, 'random' | 'clock'>,
  vault: Vault,
  mutation: Pick<Mutation, 'request'>,
  revision: number,
): Stamp {
  return {
    epoch: vault.row.epoch,
    revision,
    etag: newEtag(ports.random),
    committedAt: ports.clock(),
    request: mutation.request?.pk ?? null,
  }
}

/** Makes the material in the HSM. Nothing is stored yet: what a crash leaves behind here is a blob that nobody has. */
export async function newKeyVersion(
  ports: Pick<KmsPorts, 'random'>,
  vault: Vault,
  of: VersionOf,
  stamp: Stamp,
): Promise<WithoutMac<KeyVersionRow>> {
  const materialId = newMaterialId(ports.random)
  const wrapped = await vault.keys.generate(materialContext(of, materialId))
  return versionRow(ports, vault, of, stamp, { materialId, wrapped, origin: 'INTERNAL' })
}

/** A version's row before it is enabled. */
export function versionRow(
  ports: Pick<KmsPorts, 'random'>,
  vault: Vault,
  { keyId }: VersionOf,
  stamp: Stamp,
  material: { materialId: string; wrapped: WrappedKey; origin: KeyVersionRow['origin'] },
): WithoutMac<KeyVersionRow> {
  return {
    ...stamp,
    format: 'vaultspan/key-version-row/1',
    pk: keyId,
    sk: versionSk(material.materialId),
    id: newKeyVersionOcid(ports.random, keyId, material.materialId),
    keyId,
    vaultId: vault.row.id,
    materialId: material.materialId,
    origin: material.origin,
    lifecycleState: 'CREATING',
    timeCreated: new Date(stamp.committedAt).toISOString(),
    timeOfDeletion: null,
    isAutoRotated: false,
    restoredFromKeyVersionId: null,
    wrapped: material.wrapped as WrappedKey & JsonObject,
  }
}
