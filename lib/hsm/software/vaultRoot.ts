import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { canonicalJson } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { requireFormat } from '../../requireFormat.ts'
import { Cmac } from '../primitives/cmac.ts'
import type { VaultContext, WrappedVaultKeys } from '../hsm.ts'
import { deriveKey, type CmacKey } from '../primitives/kdf.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import type { OpenedVaultKeys } from './vaultKeys.ts'

export const VAULT_KEY_LENGTH = 32
const format = 'vaultspan/vault-keys/1'
export type VaultKeyName = keyof OpenedVaultKeys

/** A region's root. It wraps nothing itself: each thing goes under a key derived for it, since AES-KWP takes no context. */
export class VaultRoot {
  readonly #root: CmacKey

  constructor(root: CmacKey) {
    this.#root = root
  }

  createVaultKeys(context: VaultContext): WrappedVaultKeys {
    return this.wrapVaultKeys(context, () => randomBytes(VAULT_KEY_LENGTH))
  }

  /** `take` gives each key in plaintext; it is filled with zeros here. */
  wrapVaultKeys(context: VaultContext, take: (name: VaultKeyName) => Buffer): WrappedVaultKeys {
    return { format, ...mapVaultKeys((name) => this.wrapVaultKey(context, name, take(name))) }
  }

  /** The key in plaintext is filled with zeros. */
  wrapVaultKey(context: VaultContext, name: VaultKeyName, secret: Buffer): string {
    try {
      return wrapKey(this.#wrappingKey(context, name), secret).toString('base64')
    } finally {
      secret.fill(0)
    }
  }

  /** @throws KmsError integrityFailure, also where the KEKs were destroyed. */
  openVaultKeys(context: VaultContext, wrapped: WrappedVaultKeys): OpenedVaultKeys {
    requireKeysFormat(wrapped)
    return mapVaultKeys((name) => this.openVaultKey(context, name, wrapped[name]))
  }

  /** All that is left of a vault whose KEKs were destroyed. @throws KmsError integrityFailure */
  openMacKey(context: VaultContext, wrapped: WrappedVaultKeys): Pick<OpenedVaultKeys, 'macKey'> {
    requireKeysFormat(wrapped)
    return { macKey: this.openVaultKey(context, 'macKey', wrapped.macKey) }
  }

  /** For a transport key: bound to its whole offer, so that a stored offer cannot be changed under it. */
  transportWrappingKey(context: VaultContext, offer: string): KeyObject {
    return deriveKey(this.#partition(context), 'transport', offer)
  }

  /** @throws KmsError integrityFailure, also where the key was destroyed. */
  openVaultKey(context: VaultContext, name: VaultKeyName, wrapped: string | null): KeyObject {
    if (wrapped === null) throw keksDestroyed(context)
    const secret = unwrapKey(this.#wrappingKey(context, name), Buffer.from(wrapped, 'base64'))
    if (secret?.length !== VAULT_KEY_LENGTH) throw notOurs(context)
    try {
      return createSecretKey(secret)
    } finally {
      secret.fill(0)
    }
  }

  /** A key of its own for each of the three, or whoever writes to the table could exchange one KEK for another. */
  #wrappingKey(context: VaultContext, name: VaultKeyName): KeyObject {
    const { realm, tenancyId, vaultId, isPrivate } = context
    const bound = canonicalJson({ realm, tenancyId, vaultId, isPrivate })
    return deriveKey(this.#partition(context), `vault-keys/${name}`, bound)
  }

  /** Simulates the partition that a private vault has to itself. */
  #partition({ isPrivate, vaultId }: VaultContext): CmacKey {
    return isPrivate ? new Cmac(deriveKey(this.#root, 'partition', vaultId)) : this.#root
  }
}

export function mapVaultKeys<T>(make: (name: VaultKeyName) => T): Record<VaultKeyName, T> {
  return { hsmKek: make('hsmKek'), softwareKek: make('softwareKek'), macKey: make('macKey') }
}

export function keksDestroyed({ vaultId }: VaultContext): KmsError {
  return new KmsError(
    'integrityFailure',
    `The keys of vault ${vaultId} were destroyed: nothing under them opens again.`,
  )
}

function requireKeysFormat(wrapped: WrappedVaultKeys): void {
  requireFormat('A row of wrapped vault keys', wrapped, format)
}

export function notOurs({ vaultId }: VaultContext): KmsError {
  return new KmsError('integrityFailure', `The keys of vault ${vaultId} were not wrapped by this HSM for this vault.`)
}
