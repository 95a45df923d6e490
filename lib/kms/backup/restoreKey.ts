import type { VaultContext } from '../../hsm/hsm.ts'
import { resumedAutoRotation, rotationReminders } from '../keys/autoRotation.ts'
import { placedIn } from '../identity/compartmentContents.ts'
import { derivedBytes } from './derivedBytes.ts'
import { KmsError } from '../../errors.ts'
import type { ManagePorts } from '../keys/changeKey.ts'
import { commitOwn, keyStep } from '../keys/commitKey.ts'
import { newStamp } from '../keys/newKeyVersion.ts'
import { versionContext } from '../rows/versionContext.ts'
import { newKeyVersionOcid, newOcid } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import { versionSk, type KeyRow, type KeyVersionRow, type VaultRow } from '../rows/rows.ts'
import { verifiedRow, versionWithMac, vaultContext, type WithoutMac } from '../rows/rowMac.ts'
import type { Vault } from '../vaultCache.ts'
import { damaged, type SavedKey } from './backupDocument.ts'

/** What a restore is told beside the saved rows. */
export interface RestoreOptions {
  /** The vault that the rows were saved from: `to` itself, or the one it was restored from. */
  readonly from: Pick<VaultRow, 'tenancyId' | 'id' | 'vaultType'>
  /** Where a key goes whose own compartment is gone. */
  readonly compartmentFor: (compartmentId: string) => string
  /** Throws where the caller may not restore in this compartment: asked of every key that is found stored. */
  readonly requireRight?: (compartmentId: string) => void
  /** Written with the last rows: audit and retry token. */
  readonly also?: (key: KeyRow) => readonly Write[]
}

const batchSize = 80
/** A batch fails where the key changed, which is read again, or where the vault or the compartment did. */
const attempts = 8

/**
 * Brings back what of a key is missing: versions that are not there, or a key that was deleted as a whole. What is there
 * stays as it is, so a second restore adds nothing, and a version that was destroyed by itself stays destroyed. In
 * another vault key and versions get OCIDs of their own, the same each time. Undefined: all that the backup has of a
 * deleted key was destroyed before the key, and nothing comes back.
 */
export async function restoreKey(
  ports: ManagePorts,
  to: Vault,
  saved: SavedKey,
  { from, compartmentFor, requireRight = () => undefined, also = () => [] }: RestoreOptions,
): Promise<KeyRow | undefined> {
  const old = verifiedRow<KeyRow>(to.keys, 'vaultspan/key-row/1', saved.key)
  const versions = saved.versions.map((row) => verifiedRow<KeyVersionRow>(to.keys, 'vaultspan/key-version-row/1', row))
  const isWhole = old.vaultId === from.id && versions.every(({ keyId }) => keyId === old.id)
  if (!isWhole || !versions.some(({ id }) => id === old.currentKeyVersion)) throw damaged()
  const place: Place = { to, from: vaultContext(from), old, id: restoredKeyId(ports, to, old) }
  let isTold = false
  for (let failures = 0; failures < attempts;) {
    const stored = await ports.cache.freshKey(to.keys, place.id)
    if (stored !== undefined) {
      requireRight(stored.compartmentId)
      requireRight(compartmentFor(stored.compartmentId))
    }
    const missing = await missingVersions(ports, place, stored, versions)
    if (isAlive(stored) && missing.length === 0) {
      const left = isTold ? [] : also(stored)
      if (left.length > 0) await ports.tables.write([...left])
      return stored
    }
    if (missing.length === 0) return undefined
    const isWritten = await writeBatch(ports, place, { stored, missing }, { compartmentFor, also })
    if (!isWritten) failures += 1
    else if (missing.length <= batchSize) isTold = true
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
export function restoredKeyId(
  { region }: ManagePorts,
  { row }: Vault,
  { id: savedId, vaultId }: Pick<KeyRow, 'id' | 'vaultId'>,
): KeyRow['id'] {
  if (vaultId === row.id) return savedId
  const { vaultPrefix } = row
  return newOcid(derivedBytes('restored key', row.id, savedId), 'key', { region, vaultPrefix })
}

function isAlive(stored: KeyRow | undefined): stored is KeyRow {
  return stored !== undefined && stored.lifecycleState !== 'DELETED'
}

interface Missing {
  readonly version: KeyVersionRow
  /** The tombstone in its place. */
  readonly stored: KeyVersionRow | undefined
}

/** Newest first. A version that went with its key shows its key's time; one that was destroyed by itself its own. */
async function missingVersions(
  { cache }: ManagePorts,
  { to, id }: Place,
  key: KeyRow | undefined,
  versions: readonly KeyVersionRow[],
): Promise<readonly Missing[]> {
  const found: Missing[] = []
  for (const version of versions) {
    const stored = await cache.freshVersion(to.keys, id, version.materialId)
    const wentWithKey = stored?.lifecycleState === 'DELETED' && stored.timeOfDeletion === key?.timeOfDeletion
    if (stored === undefined || (!isAlive(key) && wentWithKey)) found.push({ version, stored })
  }
  return found.sort((a, b) => (a.version.timeCreated < b.version.timeCreated ? 1 : -1))
}

interface Found {
  readonly stored: KeyRow | undefined
  readonly missing: readonly Missing[]
}

/**
 * A key that is not there comes with its last batch, and its current version in that; until then it is DELETED. So a
 * restore that was cut off shows no key that lacks versions, and goes on where it ended.
 */
async function writeBatch(
  ports: ManagePorts,
  place: Place,
  { stored, missing }: Found,
  { compartmentFor, also = () => [] }: Pick<RestoreOptions, 'compartmentFor' | 'also'>,
): Promise<boolean> {
  const { to } = place
  const isNew = !isAlive(stored)
  // Where that which the backup names was destroyed by itself since, the newest of the others.
  const current = isNew
    ? (missing.find(({ version }) => version.id === place.old.currentKeyVersion) ?? missing[0])
    : undefined
  const ordered = [...missing.filter((each) => each !== current), ...(current === undefined ? [] : [current])]
  const batch = ordered.slice(0, batchSize)
  const isLast = batch.length === ordered.length
  const stamp = newStamp(ports, to, {}, (stored?.revision ?? 0) + 1)
  const rows = batch.map(({ version }) => versionWithMac(to.keys, { ...restoredVersion(place, version), ...stamp }))
  const whole = current === undefined ? undefined : wholeKey(ports, place, { stored, current, compartmentFor })
  const base = isLast ? (whole ?? stored) : (stored ?? stillDeleted(to, whole))
  if (base === undefined) throw damaged()
  const steps = rows.map((next, index) => ({ previous: batch[index]?.stored, next }))
  const versionCount = (stored?.versionCount ?? 0) + rows.length
  const step = await keyStep(ports, to, stored, { ...base, ...stamp, versionCount }, steps)
  const key = step.next
  return commitOwn(ports, to, step, [
    ...(isNew ? placedIn(to.row.tenancyId, key.compartmentId, { table: 'Keys', id: key.id }) : []),
    ...(isNew && isLast ? rotationReminders(undefined, key) : []),
    ...(isLast ? also(key) : []),
  ])
}

/** As if it had gone with its vault. */
function stillDeleted({ row }: Vault, key: WithoutMac<KeyRow> | undefined): WithoutMac<KeyRow> | undefined {
  return key === undefined ? undefined : { ...key, lifecycleState: 'DELETED', timeOfDeletion: row.timeOfDeletion }
}

interface WholeKey extends Pick<RestoreOptions, 'compartmentFor'> {
  /** The tombstone in its place. */
  readonly stored: KeyRow | undefined
  readonly current: Missing
}

function wholeKey(
  { clock }: ManagePorts,
  place: Place,
  { stored, current, compartmentFor }: WholeKey,
): WithoutMac<KeyRow> {
  const { to, old, id } = place
  return {
    ...old,
    pk: id,
    id,
    vaultId: to.row.id,
    // A restore takes back a deletion, not a move.
    compartmentId: compartmentFor((stored ?? old).compartmentId),
    lifecycleState: old.lifecycleState === 'DISABLED' ? 'DISABLED' : 'ENABLED',
    timeOfDeletion: null,
    stateBeforeDeletion: null,
    pendingKeyVersion: null,
    currentKeyVersion: restoredId(place, current.version),
    versionCount: 0,
    restoredFromKeyId: old.id === id ? old.restoredFromKeyId : old.id,
    ...resumedAutoRotation(old, clock()),
  }
}

function restoredVersion(place: Place, version: KeyVersionRow): WithoutMac<KeyVersionRow> {
  const { to, id, old } = place
  const isSame = id === old.id
  return {
    ...version,
    pk: id,
    sk: versionSk(version.materialId),
    id: restoredId(place, version),
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

function restoredId({ to, old, id }: Place, version: KeyVersionRow): KeyVersionRow['id'] {
  if (id === old.id) return version.id
  return newKeyVersionOcid(derivedBytes('restored version', to.row.id, version.id), id, version.materialId)
}
