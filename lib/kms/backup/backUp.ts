import { hash } from 'node:crypto'
import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { keyEffect, requireWritable, settledKey, type ManagePorts, type VaultKey } from '../keys/changeKey.ts'
import { requireKeyState, requireVaultState } from '../rows/lifecycle.ts'
import { everyKeyId } from '../rows/everyKey.ts'
import {
  bookkeeping,
  earlierResult,
  requireMatch,
  requirePrimary,
  requireUnchanged,
  vaultStands,
  type AuditEffect,
  type Mutation,
} from '../mutation.ts'
import { eachVersion } from '../rows/pages.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../rows/rows.ts'
import { openRow, vaultContext } from '../rows/rowMac.ts'
import { isSettled } from '../keys/settleKey.ts'
import { vaultKeysSk, type Vault, type VaultKeysRow } from '../vaults/vaultCache.ts'
import { vaultEffect } from '../vaults/vaults.ts'
import { storedWrappingKey } from '../vaults/wrappingKey.ts'
import { backupText, subjectOf, type KeyBackup, type SavedKey, type VaultBackup } from './backupDocument.ts'
import { backupKeys } from './backupKeys.ts'
import type { BackupPlace, BackupStore } from './backupPlace.ts'

export type BackupPorts = ManagePorts & Pick<KmsPorts, 'hsm' | 'homeRegion'> & { readonly backups: BackupStore }

export interface BackupWish {
  /** Undefined: where the service keeps backups by itself. */
  readonly place?: BackupPlace
  readonly includesKeys?: boolean
}

export interface BackedUp<R> {
  readonly row: R
  readonly workRequestId: string
}

/** A private vault's keys under the tenancy's backup keys, with its HSM keys where they are wanted. */
export async function backUpVault(
  ports: BackupPorts,
  mutation: Mutation,
  vault: Vault,
  wish: BackupWish,
): Promise<BackedUp<VaultRow>> {
  const workRequestId = workRequest(ports, mutation)
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) {
    requireUnchanged(earlier, vault.row.etag)
    return { row: vault.row, workRequestId }
  }
  requirePrimary(ports, vault.row)
  requireMatch(mutation, vault.row.etag)
  requireVaultState('BackupVault', vault.row)
  requirePrivate(vault.row)
  const { row } = vault
  const keys: SavedKey[] = []
  if (wish.includesKeys === true) {
    for await (const id of everyKeyId(ports.tables, row.id)) {
      const key = await ports.cache.freshKey(vault.keys, id)
      if (key !== undefined && isSaved(key)) keys.push(await savedKey(ports, { vault, key }))
    }
  }
  const stored = await ports.tables.get('Vaults', row.id, vaultKeysSk)
  if (stored === undefined) throw new KmsError('integrityFailure', `The keys of ${row.id} are missing.`)
  const { wrapped } = stored as unknown as VaultKeysRow
  const own = { context: vaultContext(row), wrapped }
  const vaultKeys = ports.hsm.backUpVaultKeys(await backupKeys(ports, row.tenancyId), own)
  const wrappingKey = await storedWrappingKey(ports, vault)
  const text = backupText<VaultBackup>(vault.keys, {
    format: 'vaultspan/vault-backup/1',
    ...about(ports, row),
    vault: { ...row },
    vaultKeys: { ...vaultKeys },
    wrappingKey: wrappingKey === undefined ? null : { ...wrappingKey },
    keys,
  })
  await save(ports, vault, mutation, { wish, of: row, workRequestId, text }, vaultEffect(row))
  return { row, workRequestId }
}

export async function backUpKey(
  ports: BackupPorts,
  mutation: Mutation,
  loaded: VaultKey,
  wish: BackupWish,
): Promise<BackedUp<KeyRow>> {
  const workRequestId = workRequest(ports, mutation)
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) {
    requireUnchanged(earlier, loaded.key.etag)
    return { row: loaded.key, workRequestId }
  }
  const { vault, key } = await settledKey(ports, loaded, 0)
  requireWritable(ports, vault)
  requireMatch(mutation, key.etag)
  requireKeyState('BackupKey', key)
  requirePrivate(vault.row)
  if (key.protectionMode !== 'HSM') {
    throw new KmsError('invalidParameter', 'Only HSM-protected keys are backed up; export a SOFTWARE key instead.')
  }
  const saved = await savedKey(ports, { vault, key })
  const text = backupText<KeyBackup>(vault.keys, {
    format: 'vaultspan/key-backup/1',
    ...about(ports, vault.row),
    vaultId: vault.row.id,
    saved,
  })
  await save(ports, vault, mutation, { wish, of: key, workRequestId, text }, keyEffect(key))
  return { row: key, workRequestId }
}

function isSaved(key: KeyRow): boolean {
  const isAlive = key.lifecycleState === 'ENABLED' || key.lifecycleState === 'DISABLED'
  return key.protectionMode === 'HSM' && isAlive && isSettled(key)
}

/** The key and those of its versions that can be used. */
async function savedKey({ tables }: BackupPorts, { vault, key }: VaultKey): Promise<SavedKey> {
  const versions: (KeyVersionRow & JsonObject)[] = []
  for await (const stored of eachVersion(tables, key.id)) {
    const version = openRow<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', stored)
    if (version.lifecycleState === 'ENABLED') versions.push({ ...version })
  }
  return { key: { ...key }, versions }
}

function about({ region, clock }: BackupPorts, { tenancyId }: VaultRow) {
  return { region, tenancyId, timeCreated: new Date(clock()).toISOString() }
}

function requirePrivate({ vaultType }: VaultRow): void {
  if (vaultType === 'VIRTUAL_PRIVATE') return
  throw new KmsError('invalidParameter', 'Only VIRTUAL_PRIVATE vaults and their keys can be backed up.')
}

interface Finished {
  readonly wish: BackupWish
  /** The vault or the key. */
  readonly of: { readonly id: string; readonly etag: string }
  readonly workRequestId: string
  readonly text: string
}

/** The file first: an event of a backup that is not there would be worse than one too few. */
async function save(
  { tables, backups }: BackupPorts,
  { row }: Vault,
  mutation: Mutation,
  { wish, of, workRequestId, text }: Finished,
  effect: AuditEffect,
): Promise<void> {
  const place: BackupPlace = wish.place ?? {
    destination: 'BUCKET',
    namespace: 'vaultspan',
    bucketName: 'backups',
    objectName: `${of.id}/${workRequestId}.json`,
  }
  const isWritten = await backups.write(row.tenancyId, place, text, (found) => subjectOf(found) === of.id)
  if (!isWritten) {
    throw new KmsError(
      'conflict',
      'backupLocation names an object that is no backup of this resource; it is left as it is. Choose another objectName.',
    )
  }
  const outcome = await tables.write([vaultStands(row), ...bookkeeping(mutation, effect, of.etag)])
  if (!outcome.ok) throw new KmsError('incorrectState', 'The vault changed while it was backed up; try again.')
}

/** The same for a repeated request, so that its file is found again. */
export function workRequest({ random }: Pick<KmsPorts, 'random'>, mutation: Mutation): string {
  const of = mutation.request?.pk ?? Buffer.from(random(16)).toString('hex')
  return `ocid1.coreservicesworkrequest.oc1..${hash('sha256', canonicalJson([of]), 'hex').slice(0, 60)}`
}
