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

/**
 * A region's root. It wraps nothing itself: each thing goes under a key derived for it, since AES-KWP takes no context. While
 * roots are rotated what the former one wrapped opens too.
 */
export class VaultRoot {
  readonly #root: CmacKey
  readonly #former: CmacKey | undefined

  constructor(root: CmacKey, former?: CmacKey) {
    this.#root = root
    this.#former = former
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
      return wrapKey(wrappingKey(this.#root, context, name), secret).toString('base64')
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
    return deriveKey(partition(this.#root, context), 'transport', offer)
  }

  /** The same under the root before; undefined where there is none. */
  formerTransportWrappingKey(context: VaultContext, offer: string): KeyObject | undefined {
    return this.#former && deriveKey(partition(this.#former, context), 'transport', offer)
  }

  /** Under this root what was under the former one; undefined where nothing of it was. @throws KmsError integrityFailure */
  rewrapped(context: VaultContext, wrapped: WrappedVaultKeys): WrappedVaultKeys | undefined {
    requireKeysFormat(wrapped)
    if (this.#former === undefined) return undefined
    const root = new VaultRoot(this.#root)
    const under = (name: VaultKeyName) => {
      const text = wrapped[name]
      if (text === null || root.#opens(context, name, text)) return text
      return this.wrapVaultKey(context, name, this.openVaultKey(context, name, text).export())
    }
    // INVARIANT: a MAC key is never null.
    const next = { ...mapVaultKeys(under), macKey: under('macKey') ?? wrapped.macKey, format: wrapped.format }
    return next.hsmKek === wrapped.hsmKek && next.softwareKek === wrapped.softwareKek && next.macKey === wrapped.macKey
      ? undefined
      : next
  }

  #opens(context: VaultContext, name: VaultKeyName, wrapped: string): boolean {
    const secret = this.#unwrap(context, name, wrapped)
    secret?.fill(0)
    return secret !== undefined
  }

  /** @throws KmsError integrityFailure, also where the key was destroyed. */
  openVaultKey(context: VaultContext, name: VaultKeyName, wrapped: string | null): KeyObject {
    if (wrapped === null) throw keksDestroyed(context)
    const secret = this.#unwrap(context, name, wrapped)
    if (secret?.length !== VAULT_KEY_LENGTH) throw notOurs(context)
    try {
      return createSecretKey(secret)
    } finally {
      secret.fill(0)
    }
  }

  #unwrap(context: VaultContext, name: VaultKeyName, wrapped: string): Buffer | undefined {
    const blob = Buffer.from(wrapped, 'base64')
    const secret = unwrapKey(wrappingKey(this.#root, context, name), blob)
    if (secret !== undefined || this.#former === undefined) return secret
    return unwrapKey(wrappingKey(this.#former, context, name), blob)
  }
}

/** A key of its own for each of the three, or whoever writes to the table could exchange one KEK for another. */
function wrappingKey(root: CmacKey, context: VaultContext, name: VaultKeyName): KeyObject {
  const { realm, tenancyId, vaultId, isPrivate } = context
  const bound = canonicalJson({ realm, tenancyId, vaultId, isPrivate })
  return deriveKey(partition(root, context), `vault-keys/${name}`, bound)
}

/** Simulates the partition that a private vault has to itself. */
function partition(root: CmacKey, { isPrivate, vaultId }: VaultContext): CmacKey {
  return isPrivate ? new Cmac(deriveKey(root, 'partition', vaultId)) : root
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
