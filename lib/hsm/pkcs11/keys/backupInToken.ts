import type { KeyObject } from 'node:crypto'
import { requireFormat } from '../../../requireFormat.ts'
import type { VaultContext, VaultKeysBackup, VaultKeysOf, WrappedVaultKeys } from '../../hsm.ts'
import { unwrapKey, wrapKey } from '../../primitives/keyWrap.ts'
import { deriveSavingKey, requireSameTenancy, savedDoesNotOpen, savedFormat } from '../../software/vaultBackup.ts'
import { VAULT_KEY_LENGTH, type VaultKeyName } from '../../software/vaultRoot.ts'
import { CKA, CKM } from '../library/constants.ts'
import { aesObject, aesTemplate } from '../token/templates.ts'
import { mechanism } from '../library/encode.ts'
import { unwrapOr, wrapKek } from './hsmKek.ts'
import type { Session } from '../token/session.ts'
import { isWrappedVaultKey, type VaultKeeper } from './vaultKeeper.ts'

const cmac = mechanism(CKM.AES_CMAC)
const kekTemplate = aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true })

/**
 * Saved keys have the form that every region can open. The key that they are saved under is derived from the tenancy's
 * backup KEK by a function that tokens do not have, so it is in the process for the length of one call (docs/hsm.md).
 */
export function backUpInToken(
  keepers: { readonly backup: VaultKeeper; readonly vault: VaultKeeper },
  backup: VaultKeysOf,
  vault: VaultKeysOf,
): VaultKeysBackup {
  requireSameTenancy(backup.context, vault.context)
  const saving = savingKeys(keepers.backup, backup, vault.context)
  const held = (name: 'softwareKek' | 'macKey') => {
    const secret = keepers.vault.heldKey(vault.context, name, vault.wrapped[name]).export()
    try {
      return wrapKey(saving(name), secret).toString('base64')
    } finally {
      secret.fill(0)
    }
  }
  const kek = keepers.vault.kek(vault.context, vault.wrapped.hsmKek)
  const hsmKek = keepers.vault.token.run((session, objects) =>
    kek.lend(session, objects, [CKA.WRAP, CKA.UNWRAP], true, (handle) =>
      withObject(session, saving('hsmKek'), CKA.WRAP, (wrapper) => session.wrap(objects.kwp, wrapper, handle)),
    ),
  )
  return {
    format: savedFormat,
    hsmKek: hsmKek.toString('base64'),
    softwareKek: held('softwareKek'),
    macKey: held('macKey'),
  }
}

export function restoreInToken(
  keepers: { readonly backup: VaultKeeper; readonly to: () => VaultKeeper },
  {
    backup,
    from,
    saved,
    to,
  }: {
    readonly backup: VaultKeysOf
    readonly from: VaultContext
    readonly saved: VaultKeysBackup
    readonly to: VaultContext
  },
): WrappedVaultKeys {
  requireFormat('A saved triple of vault keys', saved, savedFormat)
  requireSameTenancy(backup.context, from)
  requireSameTenancy(from, to)
  if (from.isPrivate !== to.isPrivate) throw savedDoesNotOpen(from)
  const saving = savingKeys(keepers.backup, backup, from)
  const heldSecret = (name: 'softwareKek' | 'macKey') => {
    const secret = unwrapKey(saving(name), Buffer.from(saved[name], 'base64'))
    if (secret?.length === VAULT_KEY_LENGTH) return secret
    secret?.fill(0)
    throw savedDoesNotOpen(from)
  }
  // What is no backup takes no token.
  heldSecret('macKey').fill(0)
  const keeper = keepers.to()
  return keeper.token.run((session, objects) => {
    const kek = withObject(session, saving('hsmKek'), CKA.UNWRAP, (unwrapper) =>
      unwrapOr(
        session,
        () => savedDoesNotOpen(from),
        () => session.unwrap(objects.kwp, unwrapper, Buffer.from(saved.hsmKek, 'base64'), kekTemplate),
      ),
    )
    try {
      const blob = wrapKek(session, objects, kek)
      if (!isWrappedVaultKey(blob)) throw savedDoesNotOpen(from)
      return keeper.wrapped(to, blob, heldSecret)
    } finally {
      session.destroy(kek)
    }
  })
}

/** Derived by the backup KEK inside its token, one for each key of the vault. */
function savingKeys(
  keeper: VaultKeeper,
  { context, wrapped }: VaultKeysOf,
  of: VaultContext,
): (name: VaultKeyName) => KeyObject {
  const kek = keeper.kek(context, wrapped.hsmKek)
  return (name) =>
    keeper.token.run((session, objects) =>
      kek.lend(session, objects, [CKA.SIGN], false, (handle) =>
        deriveSavingKey({ tag: (message) => session.mac(cmac, handle, Buffer.from(message)) }, of, name),
      ),
    )
}

function withObject<T>(session: Session, key: KeyObject, use: number, work: (handle: number) => T): T {
  const handle = objectOf(session, key, use)
  try {
    return work(handle)
  } finally {
    session.destroy(handle)
  }
}

function objectOf(session: Session, key: KeyObject, use: number): number {
  const secret = key.export()
  try {
    return session.create(aesObject(secret, [use]))
  } finally {
    secret.fill(0)
  }
}
