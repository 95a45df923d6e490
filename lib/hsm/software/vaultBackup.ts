import type { KeyObject } from 'node:crypto'
import { canonicalJson } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { requireFormat } from '../../requireFormat.ts'
import { Cmac } from '../primitives/cmac.ts'
import type { VaultContext, VaultKeysBackup, VaultKeysOf, WrappedVaultKeys } from '../hsm.ts'
import { deriveKey, type CmacKey } from '../primitives/kdf.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { mapVaultKeys, VAULT_KEY_LENGTH, type VaultKeyName, type VaultRoot } from './vaultRoot.ts'

export const savedFormat = 'vaultspan/vault-keys-backup/1'

export function backUpVaultKeys(root: VaultRoot, backup: VaultKeysOf, vault: VaultKeysOf): VaultKeysBackup {
  requireSameTenancy(backup.context, vault.context)
  const opened = root.openVaultKeys(vault.context, vault.wrapped)
  const saved = mapVaultKeys((name) => {
    const secret = opened[name].export()
    try {
      return wrapKey(savingKey(root, backup, vault.context, name), secret).toString('base64')
    } finally {
      secret.fill(0)
    }
  })
  return { format: savedFormat, ...saved }
}

export function restoreVaultKeys(
  root: VaultRoot,
  backup: VaultKeysOf,
  from: VaultContext,
  saved: VaultKeysBackup,
  to: VaultContext,
): WrappedVaultKeys {
  requireFormat('A saved triple of vault keys', saved, savedFormat)
  requireSameTenancy(backup.context, from)
  requireSameTenancy(from, to)
  if (from.isPrivate !== to.isPrivate) throw savedDoesNotOpen(from)
  return root.wrapVaultKeys(to, (name) => {
    const key = savingKey(root, backup, from, name)
    const secret = unwrapKey(key, Buffer.from(saved[name], 'base64'))
    if (secret?.length === VAULT_KEY_LENGTH) return secret
    secret?.fill(0)
    throw savedDoesNotOpen(from)
  })
}

/** A key of its own for each of the three keys of each vault: AES-KWP takes no context, so the derivation does. */
function savingKey(root: VaultRoot, backup: VaultKeysOf, of: VaultContext, name: VaultKeyName): KeyObject {
  const { hsmKek } = root.openVaultKeys(backup.context, backup.wrapped)
  return deriveSavingKey(new Cmac(hsmKek), of, name)
}

export function deriveSavingKey(backupKek: CmacKey, of: VaultContext, name: VaultKeyName): KeyObject {
  const { realm, tenancyId, vaultId, isPrivate } = of
  return deriveKey(backupKek, `backup/${name}`, canonicalJson({ realm, tenancyId, vaultId, isPrivate }))
}

export function requireSameTenancy(one: VaultContext, other: VaultContext): void {
  if (one.realm !== other.realm || one.tenancyId !== other.tenancyId) throw savedDoesNotOpen(other)
}

export function savedDoesNotOpen({ vaultId }: VaultContext): KmsError {
  return new KmsError('integrityFailure', `The saved keys of vault ${vaultId} do not open here.`)
}
