import type { KeyShape, ProtectionMode } from '../../hsm/hsm.ts'
import { firstAutoRotation, rotationReminders, type RotationWish } from './autoRotation.ts'
import { placedIn, requireCompartmentActive } from '../identity/compartmentContents.ts'
import { commitNew, freshVault, keyEffect, keyMadeBy, requireWritable, type ManagePorts } from './changeKey.ts'
import { earlierResult, untilCommitted, type Mutation } from '../mutation.ts'
import type { VersionOf } from '../rows/versionContext.ts'
import { newKeyVersion, newStamp, type Stamp } from './newKeyVersion.ts'
import { newOcid } from '../../ocid.ts'
import { keySk, type DefinedTags, type KeyRow, type KeyVersionRow, type Tags } from '../rows/rows.ts'
import { requireRoomForVersion } from '../usage/serviceLimits.ts'
import { versionsDigest } from '../rows/rowsDigest.ts'
import { sealKey, sealVersion, type Unsealed } from '../rows/rowMac.ts'
import type { Vault } from '../vaults/vaultCache.ts'

export interface CreateKeyInput {
  readonly compartmentId: string
  readonly displayName: string
  readonly shape: KeyShape
  readonly protectionMode: ProtectionMode
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
  readonly rotation: RotationWish
}

/** Makes a key's first version: in the HSM, or out of what a caller brings. */
export type MakeMaterial = (vault: Vault, of: VersionOf, stamp: Stamp) => Promise<Unsealed<KeyVersionRow>>

/** The key is ENABLED in the answer; in a replicated vault only once its record is in the replica's inbox. */
export async function createKey(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: Vault,
  { rotation, ...input }: CreateKeyInput,
  make: MakeMaterial = (vault, of, stamp) => newKeyVersion(ports, vault, of, stamp),
): Promise<KeyRow> {
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) return keyMadeBy(ports, loaded, earlier)
  requireWritable(ports, loaded)
  const planned = firstAutoRotation(loaded.row, rotation, ports.clock())
  const { tenancyId } = loaded.row
  await requireCompartmentActive(ports, tenancyId, input.compartmentId)
  await requireRoomForVersion(ports, loaded.row, input)
  const { region } = ports
  const id = newOcid(ports.random, 'key', { region, vaultPrefix: loaded.row.vaultPrefix })
  const stamp = newStamp(ports, loaded, mutation, 1)
  const material = await make(loaded, { keyId: id, ...input }, stamp)
  return untilCommitted(ports, async (round) => {
    const vault = round === 0 ? loaded : await freshVault(ports, loaded)
    requireWritable(ports, vault)
    // A request with the same token may have overtaken this one.
    const winner = round === 0 ? undefined : await earlierResult(ports, mutation)
    if (winner !== undefined) return keyMadeBy(ports, vault, winner)
    if (round > 0) await requireCompartmentActive(ports, tenancyId, input.compartmentId)
    const { epoch } = vault.row
    const version = sealVersion(vault.keys, { ...material, epoch })
    const digest = { versionsDigest: versionsDigest([version]) }
    const key = sealKey(vault.keys, { ...newKey(vault, input, material), ...planned, ...stamp, ...digest, epoch })
    const also = [
      ...placedIn(tenancyId, input.compartmentId, { table: 'Keys', id }),
      ...rotationReminders(undefined, key),
    ]
    return (await commitNew(ports, mutation, vault, { key, version }, undefined, keyEffect(key), also))?.key
  })
}

function newKey({ row }: Vault, input: Omit<CreateKeyInput, 'rotation'>, version: Unsealed<KeyVersionRow>) {
  return {
    ...input,
    format: 'vaultspan/key-row/1',
    pk: version.keyId,
    sk: keySk,
    id: version.keyId,
    vaultId: row.id,
    lifecycleState: 'CREATING',
    timeCreated: version.timeCreated,
    timeOfDeletion: null,
    currentKeyVersion: version.id,
    pendingKeyVersion: null,
    restoredFromKeyId: null,
    versionCount: 1,
    stateBeforeDeletion: null,
  } as const satisfies Partial<Unsealed<KeyRow>>
}
