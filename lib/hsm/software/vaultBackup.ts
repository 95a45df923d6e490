import type { KeyObject } from 'node:crypto'
import { canonicalJson } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { requireFormat } from '../../requireFormat.ts'
import { Cmac } from '../primitives/cmac.ts'
import type { VaultContext, VaultKeysBackup, VaultKeysOf, WrappedVaultKeys } from '../hsm.ts'
import { deriveKey } from '../primitives/kdf.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { mapVaultKeys, type VaultKeyName, type VaultRoot } from './vaultRoot.ts'

const VAULT_KEY_LENGTH = 32
const format = 'vaultspan/vault-keys-backup/1'

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
  return { format, ...saved }
}

export function restoreVaultKeys(
  root: VaultRoot,
  backup: VaultKeysOf,
  from: VaultContext,
  saved: VaultKeysBackup,
  to: VaultContext,
): WrappedVaultKeys {
  requireFormat('A saved triple of vault keys', saved, format)
  requireSameTenancy(backup.context, from)
  requireSameTenancy(from, to)
  if (from.isPrivate !== to.isPrivate) throw doesNotOpen(from)
  return root.wrapVaultKeys(to, (name) => {
    const key = savingKey(root, backup, from, name)
    const secret = unwrapKey(key, Buffer.from(saved[name], 'base64'))
    if (secret?.length === VAULT_KEY_LENGTH) return secret
    secret?.fill(0)
    throw doesNotOpen(from)
  })
}

/** A key of its own for each of the three keys of each vault: AES-KWP takes no context, so the derivation does. */
function savingKey(root: VaultRoot, backup: VaultKeysOf, of: VaultContext, name: VaultKeyName): KeyObject {
  const { realm, tenancyId, vaultId, isPrivate } = of
  const { hsmKek } = root.openVaultKeys(backup.context, backup.wrapped)
  return deriveKey(new Cmac(hsmKek), `backup/${name}`, canonicalJson({ realm, tenancyId, vaultId, isPrivate }))
}

function requireSameTenancy(one: VaultContext, other: VaultContext): void {
  if (one.realm !== other.realm || one.tenancyId !== other.tenancyId) throw doesNotOpen(other)
}

function doesNotOpen({ vaultId }: VaultContext): KmsError {
  return new KmsError('integrityFailure', `The saved keys of vault ${vaultId} do not open here.`)
}
