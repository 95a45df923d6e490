import { hash } from 'node:crypto'
import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { keyEffect, writableKey, type ManagePorts, type VaultKey } from '../keys/changeKey.ts'
import { requireKeyState, requireVaultState } from '../rows/lifecycle.ts'
import { everyKeyId } from '../rows/everyKey.ts'
import {
  bookkeeping,
  requirePrimary,
  requireUnchanged,
  vaultStands,
  type AuditEffect,
  type Mutation,
} from '../mutation.ts'
import { requestedChange } from '../requestedChange.ts'
import { eachVersion } from '../rows/pages.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../rows/rows.ts'
import { verifiedRow, vaultContext } from '../rows/rowMac.ts'
import { isComplete } from '../keys/completeKey.ts'
import { livingVaultKeys, type Vault } from '../vaultCache.ts'
import { currentVault, vaultEffect } from '../vaults/vaults.ts'
import { storedWrappingKey } from '../vaults/wrappingKey.ts'
import { backupText, subjectOf, type KeyBackup, type SavedKey, type VaultBackup } from './backupDocument.ts'
import { backupKeys } from './backupKeys.ts'
import type { BackupPlace, BackupStore } from './backupPlace.ts'

export type BackupPorts = ManagePorts & Pick<KmsPorts, 'hsm' | 'homeRegion' | 'log'> & { readonly backups: BackupStore }

export interface RequestedBackup {
  /** Undefined: where the service keeps backups by itself. */
  readonly place?: BackupPlace
  readonly includesKeys?: boolean
}

export interface BackedUp<R> {
  readonly row: R
  readonly workRequestId: string
}

/** A private vault's keys under the tenancy's backup keys, with its HSM keys where they are wanted. */
export function backUpVault(
  ports: BackupPorts,
  mutation: Mutation,
  loaded: Vault,
  requested: RequestedBackup,
): Promise<BackedUp<VaultRow>> {
  return backedUp(ports, mutation, loaded.row, {
    load: async (round) => {
      const vault = await currentVault(ports, loaded, round)
      requirePrimary(ports, vault.row)
      return vault
    },
    rowOf: (vault) => vault.row,
    save: async (vault) => {
      requireVaultState('BackupVault', vault.row)
      requirePrivate(vault.row)
      const text = await vaultText(ports, vault, requested.includesKeys === true)
      return text === undefined ? undefined : { vault, text, requested, effect: vaultEffect(vault.row) }
    },
  })
}

/** Undefined where the vault's keys were destroyed while it was read. */
async function vaultText(ports: BackupPorts, vault: Vault, includesKeys: boolean): Promise<string | undefined> {
  const { row } = vault
  const keys: SavedKey[] = []
  if (includesKeys) {
    for await (const id of everyKeyId(ports.tables, row.id)) {
      const key = await ports.cache.freshKey(vault.keys, id)
      if (key !== undefined && isSaved(key)) keys.push(await savedKey(ports, { vault, key }))
    }
  }
  const under = await backupKeys(ports, row.tenancyId)
  const wrapped = await livingVaultKeys(ports.tables, row.id)
  if (wrapped === undefined) return undefined
  const vaultKeys = await ports.hsm.backUpVaultKeys(under, { context: vaultContext(row), wrapped })
  const wrappingKey = await storedWrappingKey(ports, vault)
  return backupText<VaultBackup>(vault.keys, {
    format: 'vaultspan/vault-backup/1',
    ...about(ports, row),
    vault: { ...row },
    vaultKeys: { ...vaultKeys },
    wrappingKey: wrappingKey === undefined ? null : { ...wrappingKey },
    keys,
  })
}

export function backUpKey(
  ports: BackupPorts,
  mutation: Mutation,
  loaded: VaultKey,
  requested: RequestedBackup,
): Promise<BackedUp<KeyRow>> {
  return backedUp(ports, mutation, loaded.key, {
    load: (round) => writableKey(ports, loaded, round),
    rowOf: ({ key }) => key,
    save: async ({ vault, key }) => {
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
      return { vault, text, requested, effect: keyEffect(key) }
    },
  })
}

function isSaved(key: KeyRow): boolean {
  const isAlive = key.lifecycleState === 'ENABLED' || key.lifecycleState === 'DISABLED'
  return key.protectionMode === 'HSM' && isAlive && isComplete(key)
}

/** The key and those of its versions that can be used. */
async function savedKey({ tables }: BackupPorts, { vault, key }: VaultKey): Promise<SavedKey> {
  const versions: (KeyVersionRow & JsonObject)[] = []
  for await (const stored of eachVersion(tables, key.id)) {
    const version = verifiedRow<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', stored)
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

interface Saved {
  readonly vault: Vault
  readonly text: string
  readonly requested: RequestedBackup
  readonly effect: AuditEffect
}

interface BackingUp<C, R> {
  readonly load: (round: number) => Promise<C>
  readonly rowOf: (current: C) => R
  /** Undefined where it changed while it was read: it is looked at anew. */
  readonly save: (current: C) => Promise<Saved | undefined>
}

/** The file first: an event of a backup that is not there would be worse than one too few. */
function backedUp<C, R extends { readonly id: string; readonly etag: string }>(
  ports: BackupPorts,
  mutation: Mutation,
  loaded: R,
  { load, rowOf, save }: BackingUp<C, R>,
): Promise<BackedUp<R>> {
  const workRequestId = workRequest(ports, mutation)
  return requestedChange(ports, mutation, {
    resourceId: loaded.id,
    earlier: async (earlier) => {
      requireUnchanged(earlier, loaded.etag)
      return { row: loaded, workRequestId }
    },
    load,
    etagOf: (current) => rowOf(current).etag,
    commit: async (current) => {
      const row = rowOf(current)
      const saved = await save(current)
      if (saved === undefined) return undefined
      const { vault, text, requested, effect } = saved
      const place = requested.place ?? ownPlace(row.id, workRequestId)
      const isWritten = await ports.backups.write(
        vault.row.tenancyId,
        place,
        text,
        (found) => subjectOf(found) === row.id,
      )
      if (!isWritten) {
        throw new KmsError(
          'conflict',
          'backupLocation names an object that is no backup of this resource; it is left as it is. Choose another objectName.',
        )
      }
      const outcome = await ports.tables.write([vaultStands(vault.row), ...bookkeeping(mutation, effect, row.etag)])
      return outcome.ok ? { row, workRequestId } : undefined
    },
  })
}

function ownPlace(id: string, workRequestId: string): BackupPlace {
  return {
    destination: 'BUCKET',
    namespace: 'vaultspan',
    bucketName: 'backups',
    objectName: `${id}/${workRequestId}.json`,
  }
}

/** The same for a repeated request, so that its file is found again. */
export function workRequest({ random }: Pick<KmsPorts, 'random'>, mutation: Mutation): string {
  const of = mutation.request?.pk ?? Buffer.from(random(16)).toString('hex')
  return `ocid1.coreservicesworkrequest.oc1..${hash('sha256', canonicalJson([of]), 'hex').slice(0, 60)}`
}
