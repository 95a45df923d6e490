import type { KeyObject } from 'node:crypto'
import { requireFormat } from '../../requireFormat.ts'
import type { VaultContext, VaultKeysBackup, VaultKeysOf, WrappedVaultKeys } from '../hsm.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { deriveSavingKey, requireSameTenancy, savedDoesNotOpen, savedFormat } from '../software/vaultBackup.ts'
import { VAULT_KEY_LENGTH, type VaultKeyName } from '../software/vaultRoot.ts'
import { CKA, CKM } from './constants.ts'
import { aesObject, aesTemplate } from './templates.ts'
import { mechanism } from './encode.ts'
import { HsmKek, unwrapOr } from './hsmKek.ts'
import type { RegionToken, TokenObjects } from './regionToken.ts'
import type { Session } from './session.ts'
import { isWrappedVaultKey, type TokenVaultRoot } from './tokenVaultRoot.ts'

const cmac = mechanism(CKM.AES_CMAC)
const kekTemplate = aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true })

/**
 * Saved keys have the form that every region can open. The key that they are saved under is derived from the tenancy's
 * backup KEK by a function that tokens do not have, so it is in the process for the length of one call (docs/hsm.md).
 */
export function backUpInToken(
  token: RegionToken,
  root: TokenVaultRoot,
  backup: VaultKeysOf,
  vault: VaultKeysOf,
): VaultKeysBackup {
  requireSameTenancy(backup.context, vault.context)
  return token.run((session, objects) => {
    const saving = savingKeys(token, session, objects, root, backup, vault.context)
    const held = (name: 'softwareKek' | 'macKey') => {
      const secret = root.held.openVaultKey(vault.context, name, vault.wrapped[name]).export()
      try {
        return wrapKey(saving(name), secret).toString('base64')
      } finally {
        secret.fill(0)
      }
    }
    const kek = new HsmKek(token, root.hsmKekBlob(vault.context, vault.wrapped.hsmKek), () =>
      root.notOurs(vault.context),
    )
    const hsmKek = kek.lend(session, objects, [CKA.WRAP, CKA.UNWRAP], true, (handle) =>
      withObject(session, saving('hsmKek'), CKA.WRAP, (wrapper) => session.wrap(objects.kwp, wrapper, handle)),
    )
    return {
      format: savedFormat,
      hsmKek: hsmKek.toString('base64'),
      softwareKek: held('softwareKek'),
      macKey: held('macKey'),
    }
  })
}

export function restoreInToken(
  token: RegionToken,
  root: TokenVaultRoot,
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
  return token.run((session, objects) => {
    const saving = savingKeys(token, session, objects, root, backup, from)
    const kek = withObject(session, saving('hsmKek'), CKA.UNWRAP, (unwrapper) =>
      unwrapOr(
        () => savedDoesNotOpen(from),
        () => session.unwrap(objects.kwp, unwrapper, Buffer.from(saved.hsmKek, 'base64'), kekTemplate),
      ),
    )
    try {
      const blob = session.wrap(objects.kwp, objects.wrappingRoot, kek)
      if (!isWrappedVaultKey(blob)) throw savedDoesNotOpen(from)
      return root.wrapped(to, blob, (name) => {
        const secret = unwrapKey(saving(name), Buffer.from(saved[name], 'base64'))
        if (secret?.length === VAULT_KEY_LENGTH) return secret
        secret?.fill(0)
        throw savedDoesNotOpen(from)
      })
    } finally {
      session.destroy(kek)
    }
  })
}

/** Derived by the backup KEK inside the token, one for each key of the vault. */
function savingKeys(
  token: RegionToken,
  session: Session,
  objects: TokenObjects,
  root: TokenVaultRoot,
  { context, wrapped }: VaultKeysOf,
  of: VaultContext,
): (name: VaultKeyName) => KeyObject {
  const kek = new HsmKek(token, root.hsmKekBlob(context, wrapped.hsmKek), () => root.notOurs(context))
  return (name) =>
    kek.lend(session, objects, [CKA.SIGN], false, (handle) =>
      deriveSavingKey({ tag: (message) => session.sign(cmac, handle, Buffer.from(message)) }, of, name),
    )
}

function withObject<T>(session: Session, key: KeyObject, use: number, work: (handle: number) => T): T {
  const secret = key.export()
  const handle = session.create(aesObject(secret, [use]))
  secret.fill(0)
  try {
    return work(handle)
  } finally {
    session.destroy(handle)
  }
}
