import { notFoundOrForbidden } from './errors.ts'
import { finishChange } from './finishChange.ts'
import { commitNew, keyEffect, requireWritable, settledKey, type ManagePorts, type VaultKey } from './keys.ts'
import { requireKeyState } from './lifecycle.ts'
import {
  earlierResult,
  requireMatch,
  requireUnchanged,
  untilCommitted,
  type Mutation,
  type RequestRow,
} from './mutation.ts'
import { newKeyVersion, newStamp } from './newKeyVersion.ts'
import { materialIdOf } from './ocid.ts'
import type { KeyVersionRow } from './rows.ts'
import { sealKey, sealVersion } from './seal.ts'
import { isSettled, settleKey } from './settleKey.ts'

/** Rotates a key. Until the new version is handed off, the previous one serves. */
export async function createKeyVersion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
): Promise<KeyVersionRow> {
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) return versionOfEarlier(ports, loaded, earlier)
  requireWritable(ports, loaded.vault)
  requireMatch(mutation, loaded.key.etag)
  // Before material is made for nothing; an unsettled key is judged below, once it is settled.
  if (isSettled(loaded.key)) requireKeyState('CreateKeyVersion', loaded.key)
  const { id: keyId, shape, protectionMode } = loaded.key
  const material = await newKeyVersion(
    ports,
    loaded.vault,
    { keyId, shape, protectionMode },
    newStamp(ports, loaded.vault, mutation, 0),
  )
  return untilCommitted(async (round) => {
    const winner = round === 0 ? undefined : await earlierResult(ports, mutation)
    if (winner !== undefined) return versionOfEarlier(ports, loaded, winner)
    const { vault, key } = await settledKey(ports, loaded, round)
    requireWritable(ports, vault)
    requireMatch(mutation, key.etag)
    requireKeyState('CreateKeyVersion', key)
    const stamp = { ...newStamp(ports, vault, mutation, key.revision + 1), etag: material.etag }
    const creating = {
      key: sealKey(vault.keys, { ...key, ...stamp, pendingKeyVersion: material.id }),
      version: sealVersion(vault.keys, { ...material, ...stamp }),
    }
    const effect = { ...keyEffect(creating.key, key), resourceId: material.id }
    const done = await commitNew(ports, mutation, vault, creating, { kind: 'revision', revision: key.revision }, effect)
    return done?.version
  })
}

/** A version of a key by its OCID; undefined where the key has none such. */
export async function keyVersion(
  { cache }: Pick<ManagePorts, 'cache'>,
  { vault, key }: VaultKey,
  keyVersionId: string,
): Promise<KeyVersionRow | undefined> {
  const materialId = materialIdOf(keyVersionId)
  if (materialId === undefined) return undefined
  const version = await cache.freshVersion(vault.keys, key.id, materialId)
  return version?.id === keyVersionId ? version : undefined
}

async function versionOfEarlier(
  ports: ManagePorts,
  { vault, key }: VaultKey,
  earlier: RequestRow,
): Promise<KeyVersionRow> {
  const settled = await settleKey(ports, vault, key)
  const version = await keyVersion(ports, { vault, key: settled }, earlier.resourceId)
  requireUnchanged(earlier, version?.etag)
  if (version === undefined) throw notFoundOrForbidden()
  await finishChange(ports, { vault: vault.row, key: settled, versions: [version] })
  return version
}
