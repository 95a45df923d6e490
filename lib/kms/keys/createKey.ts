import type { KeyShape, ProtectionMode } from '../../hsm/hsm.ts'
import { firstAutoRotation, rotationReminders, type RequestedRotation } from './autoRotation.ts'
import { placedIn, requireCompartmentActive } from '../identity/compartmentContents.ts'
import { commitNew, keyEffect, keyMadeBy, requireWritable, type ManagePorts } from './changeKey.ts'
import type { Mutation } from '../mutation.ts'
import { requestedChange } from '../requestedChange.ts'
import { keyStep } from './commitKey.ts'
import type { VersionOf } from '../rows/versionContext.ts'
import { newKeyVersion, newStamp, type Stamp } from './newKeyVersion.ts'
import { newOcid } from '../../ocid.ts'
import { keySk, type DefinedTags, type KeyRow, type KeyVersionRow, type Tags } from '../rows/rows.ts'
import { requireRoomForVersion } from '../usage/serviceLimits.ts'
import { versionWithMac, type WithoutMac } from '../rows/rowMac.ts'
import type { Vault } from '../vaultCache.ts'
import { currentVault } from '../vaults/vaults.ts'

export interface CreateKeyInput {
  readonly compartmentId: string
  readonly displayName: string
  readonly shape: KeyShape
  readonly protectionMode: ProtectionMode
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
  readonly rotation: RequestedRotation
}

/** Makes a key's first version: in the HSM, or out of what a caller brings. */
export type MakeMaterial = (vault: Vault, of: VersionOf, stamp: Stamp) => Promise<WithoutMac<KeyVersionRow>>

/** The key is ENABLED in the answer; in a replicated vault only once its record is in the replica's inbox. */
export function createKey(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: Vault,
  { rotation, ...input }: CreateKeyInput,
  make: MakeMaterial = (vault, of, stamp) => newKeyVersion(ports, vault, of, stamp),
): Promise<KeyRow> {
  const { tenancyId, vaultPrefix } = loaded.row
  const id = newOcid(ports.random, 'key', { region: ports.region, vaultPrefix })
  let made: { readonly material: WithoutMac<KeyVersionRow>; readonly stamp: Stamp } | undefined
  return requestedChange(ports, mutation, {
    earlier: (earlier) => keyMadeBy(ports, loaded, earlier),
    load: async (round) => {
      const vault = await currentVault(ports, loaded, round)
      requireWritable(ports, vault)
      return vault
    },
    commit: async (vault) => {
      const planned = firstAutoRotation(vault.row, rotation, ports.clock())
      await requireCompartmentActive(ports, tenancyId, input.compartmentId)
      if (made === undefined) {
        await requireRoomForVersion(ports, vault, input)
        const stamp = newStamp(ports, vault, mutation, 1)
        made = { material: await make(vault, { keyId: id, ...input }, stamp), stamp }
      }
      const { material, stamp } = made
      const { epoch } = vault.row
      const version = versionWithMac(vault.keys, { ...material, epoch })
      const content = { ...newKey(vault, input, material), ...planned, ...stamp, epoch }
      const { next: key } = await keyStep(ports, vault, undefined, content, [{ previous: undefined, next: version }])
      const also = [
        ...placedIn(tenancyId, input.compartmentId, { table: 'Keys', id }),
        ...rotationReminders(undefined, key),
      ]
      return (await commitNew(ports, mutation, vault, { key, version }, undefined, keyEffect(key), also))?.key
    },
  })
}

function newKey({ row }: Vault, input: Omit<CreateKeyInput, 'rotation'>, version: WithoutMac<KeyVersionRow>) {
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
  } as const satisfies Partial<WithoutMac<KeyRow>>
}
