import type { VaultContext } from '../../hsm/hsm.ts'
import { resumedAutoRotation, rotationReminders } from '../keys/autoRotation.ts'
import { placedIn } from '../identity/compartmentContents.ts'
import { derivedBytes } from './derivedBytes.ts'
import { KmsError } from '../../errors.ts'
import type { ManagePorts } from '../keys/changeKey.ts'
import { commitKey, digestAfter } from '../keys/commitKey.ts'
import { newStamp, versionContext } from '../keys/newKeyVersion.ts'
import { newKeyVersionOcid, newOcid } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import { versionSk, type KeyRow, type KeyVersionRow, type VaultRow } from '../rows/rows.ts'
import { openRow, sealKey, sealVersion, vaultContext, type Unsealed } from '../rows/rowMac.ts'
import type { Vault } from '../vaults/vaultCache.ts'
import { damaged, type SavedKey } from './backupDocument.ts'

/** What a restore is told beside the saved rows. */
export interface RestoreOptions {
  /** The vault that the rows were saved from: `to` itself, or the one it was restored from. */
  readonly from: Pick<VaultRow, 'tenancyId' | 'id' | 'vaultType'>
  /** Where a key goes whose own compartment is gone. */
  readonly compartmentFor: (compartmentId: string) => string
  /** Written with the first rows: audit and retry token. */
  readonly also?: (key: KeyRow) => readonly Write[]
}

const batchSize = 80
/** A batch fails where the key changed, which is read again, or where the vault or the compartment did. */
const attempts = 8

/**
 * Brings back what of a key is missing: the whole key, or versions that are gone. What is there stays as it is, so a
 * second restore adds nothing. In another vault key and versions get OCIDs of their own, the same each time.
 */
export async function restoreKey(
  ports: ManagePorts,
  to: Vault,
  saved: SavedKey,
  { from, compartmentFor, also = () => [] }: RestoreOptions,
): Promise<KeyRow> {
  const old = openRow<KeyRow>(to.keys, 'vaultspan/key-row/1', saved.key)
  const versions = saved.versions.map((row) => openRow<KeyVersionRow>(to.keys, 'vaultspan/key-version-row/1', row))
  const current = versions.find(({ id }) => id === old.currentKeyVersion)
  const isWhole = old.vaultId === from.id && versions.every(({ keyId }) => keyId === old.id)
  if (!isWhole || current === undefined) throw damaged()
  const place: Place = { to, from: vaultContext(from), old, id: restoredKeyId(ports, to, old) }
  // The current version comes first: a key must never be there without it.
  const ordered = [current, ...versions.filter(({ id }) => id !== current.id)]
  let extra = also
  for (let failures = 0; failures < attempts;) {
    const stored = await ports.cache.freshKey(to.keys, place.id)
    const missing = await missingVersions(ports, place, ordered)
    const isAlive = stored !== undefined && stored.lifecycleState !== 'DELETED'
    if (isAlive && missing.length === 0) {
      const left = extra(stored)
      if (left.length > 0) await ports.tables.write([...left])
      return stored
    }
    const batch = missing.slice(0, batchSize)
    if (await writeBatch(ports, place, stored, batch, compartmentFor, extra)) extra = () => []
    else failures += 1
  }
  throw new KmsError('incorrectState', 'The vault, the key or its compartment is being changed; try again.')
}

interface Place {
  readonly to: Vault
  readonly from: VaultContext
  readonly old: KeyRow
  readonly id: KeyRow['id']
}

/** The OCID that a saved key has in the vault it is restored to. */
export function restoredKeyId({ region }: ManagePorts, { row }: Vault, old: KeyRow): KeyRow['id'] {
  if (old.vaultId === row.id) return old.id
  const { vaultPrefix } = row
  return newOcid(derivedBytes('restored key', row.id, old.id), 'key', { region, vaultPrefix })
}

interface Missing {
  readonly version: KeyVersionRow
  /** The tombstone in its place. */
  readonly stored: KeyVersionRow | undefined
}

async function missingVersions(
  { cache }: ManagePorts,
  { to, id }: Place,
  versions: readonly KeyVersionRow[],
): Promise<readonly Missing[]> {
  const found: Missing[] = []
  for (const version of versions) {
    const stored = await cache.freshVersion(to.keys, id, version.materialId)
    if (stored === undefined || stored.lifecycleState === 'DELETED') found.push({ version, stored })
  }
  return found
}

async function writeBatch(
  ports: ManagePorts,
  place: Place,
  stored: KeyRow | undefined,
  batch: readonly Missing[],
  compartmentFor: RestoreOptions['compartmentFor'],
  also: (key: KeyRow) => readonly Write[],
): Promise<boolean> {
  const { to, old, id } = place
  const stamp = newStamp(ports, to, {}, (stored?.revision ?? 0) + 1)
  const rows = batch.map(({ version }) => sealVersion(to.keys, { ...restoredVersion(place, version), ...stamp }))
  const isAlive = stored !== undefined && stored.lifecycleState !== 'DELETED'
  const base: Unsealed<KeyRow> = isAlive
    ? stored
    : {
        ...old,
        pk: id,
        id,
        vaultId: to.row.id,
        compartmentId: compartmentFor(old.compartmentId),
        lifecycleState: old.lifecycleState === 'DISABLED' ? 'DISABLED' : 'ENABLED',
        timeOfDeletion: null,
        stateBeforeDeletion: null,
        pendingKeyVersion: null,
        currentKeyVersion: versionIdIn(place, old.currentKeyVersion, rows),
        versionCount: 0,
        restoredFromKeyId: old.id === id ? old.restoredFromKeyId : old.id,
        ...resumedAutoRotation(old, ports.clock()),
      }
  const steps = rows.map((next, index) => ({ previous: batch[index]?.stored, next }))
  const versionsDigest = await digestAfter(ports, to, stored, steps)
  const versionCount = base.versionCount + rows.length
  const key = sealKey(to.keys, { ...base, ...stamp, versionCount, versionsDigest })
  const isWritten = await commitKey(ports, to, { previous: stored, next: key, versions: steps }, [
    ...(isAlive ? [] : placedIn(to.row.tenancyId, key.compartmentId, { table: 'Keys', id })),
    ...(isAlive ? [] : rotationReminders(undefined, key)),
    ...also(key),
  ])
  if (isWritten) await ports.handOff.send({ vault: to, key, versions: rows, before: stored?.revision ?? 0 })
  return isWritten
}

function restoredVersion(place: Place, version: KeyVersionRow): Unsealed<KeyVersionRow> {
  const { to, id, old } = place
  const isSame = id === old.id
  return {
    ...version,
    pk: id,
    sk: versionSk(version.materialId),
    id: isSame ? version.id : derivedVersionId(place, version),
    keyId: id,
    vaultId: to.row.id,
    restoredFromKeyVersionId: isSame ? version.restoredFromKeyVersionId : version.id,
    wrapped: isSame ? version.wrapped : rebound(place, version),
  }
}

/** The same blob, bound to its new vault and key: the HSM checks the old binding first. */
function rebound({ to, from, old, id }: Place, { materialId, wrapped }: KeyVersionRow): KeyVersionRow['wrapped'] {
  if (wrapped === null) throw damaged()
  const bound = { vault: from, material: versionContext(old, materialId) }
  return { ...to.keys.rebind(bound, wrapped, versionContext({ ...old, id }, materialId)) }
}

function derivedVersionId({ to, id }: Place, { id: oldId, materialId }: KeyVersionRow): KeyVersionRow['id'] {
  return newKeyVersionOcid(derivedBytes('restored version', to.row.id, oldId), id, materialId)
}

function versionIdIn(
  { old, id }: Place,
  oldId: KeyVersionRow['id'],
  rows: readonly KeyVersionRow[],
): KeyVersionRow['id'] {
  if (old.id === id) return oldId
  const found = rows.find(({ restoredFromKeyVersionId }) => restoredFromKeyVersionId === oldId)
  if (found === undefined) throw new KmsError('integrityFailure', `The current version of ${old.id} is missing.`)
  return found.id
}
