import type { KeyObject } from 'node:crypto'
import { isKmsError } from '../../../errors.ts'
import { isSameMac } from '../../formats/blobMac.ts'
import { unsignedBytes } from '../../formats/statement.ts'
import type { TransportOffer, VaultContext, WrappedVaultKeys } from '../../hsm.ts'
import { keksDestroyed, notOurs, VAULT_KEY_LENGTH, VaultRoot } from '../../software/vaultRoot.ts'
import { HsmKek } from './hsmKek.ts'
import { requireRightMacs } from './tokenProof.ts'
import { macRootOf, type VaultToken } from '../roots/regionToken.ts'
import { vaultText } from '../roots/vaultText.ts'

/** AES keys have 16, 24 or 32 bytes, and AES-KWP makes 8 more: the length of a key in a token is not told by every token. */
export function isWrappedVaultKey(blob: Buffer): boolean {
  return blob.length === VAULT_KEY_LENGTH + 8
}

type HeldName = 'softwareKek' | 'macKey'

/** What a root wrapped, found again. */
interface RootBlob {
  readonly blob: Buffer
  readonly generation: number
}

export const regionFormat = 'vaultspan/vault-keys/1+token'
export const partitionFormat = 'vaultspan/vault-keys/1+partition'

/**
 * A token that keeps vaults' keys: a region's, or the one that a private vault has to itself. Its root is two objects: one
 * wraps the KEKs for HSM keys and the transport keys, inside; of the other keys are derived for what the process holds, and
 * MACs made that bind each blob to its context, since AES-KWP takes none. While roots are rotated there are two pairs: what is
 * new goes under the newest, and what either wrapped opens.
 */
export class VaultKeeper {
  readonly token: VaultToken
  readonly #region: VaultKeeper | undefined

  /** `region`: of a partition, whose vault's MAC key stays with the region: its rows verify when the partition is no more. */
  constructor(token: VaultToken, region?: VaultKeeper) {
    this.token = token
    this.#region = region
  }

  /** `hsmKek` is under the newest root. `take` gives the two keys of the process in plaintext; they are cleared. */
  wrapped(context: VaultContext, hsmKek: Buffer, take: (name: HeldName) => Buffer): WrappedVaultKeys {
    const bound = this.#bound('vault-keys/hsmKek', vaultText(context), hsmKek)
    const of = (name: HeldName) => this.#keeperOf(name).#newest().wrapVaultKey(context, name, take(name))
    const format = this.#region === undefined ? regionFormat : partitionFormat
    const wrapped = { format, hsmKek: bound, softwareKek: of('softwareKek'), macKey: of('macKey') } as const
    this.requireRight()
    return wrapped
  }

  /** @throws KmsError integrityFailure where it was not made here for this vault, or destroyed. */
  kek(context: VaultContext, hsmKek: string | null): HsmKek {
    if (hsmKek === null) throw keksDestroyed(context)
    const found = this.#opened('vault-keys/hsmKek', vaultText(context), hsmKek)
    if (found === undefined) {
      // No row is called another's because the token fails.
      this.requireRight()
      throw notOurs(context)
    }
    return new HsmKek(this.token, found.blob, found.generation)
  }

  /** Nobody relies on what a token has bound that makes wrong MACs: it would never open. @throws KmsError unavailable */
  requireRight(): void {
    for (const { token } of new Set([this, this.#keeperOf('macKey')])) requireRightMacs(token)
  }

  /** A key that the process holds. @throws KmsError integrityFailure as `kek` does. */
  heldKey(context: VaultContext, name: HeldName, wrapped: string | null): KeyObject {
    const keeper = this.#keeperOf(name)
    const [newest = 1, ...former] = keeper.generations()
    for (const generation of former) {
      const key = ifOurs(() => keeper.#held(generation).openVaultKey(context, name, wrapped))
      if (key !== undefined) return key
    }
    const key = ifOurs(() => keeper.#held(newest).openVaultKey(context, name, wrapped))
    if (key !== undefined) return key
    this.requireRight()
    return keeper.#held(newest).openVaultKey(context, name, wrapped)
  }

  /** Whether all of it is under the newest roots. */
  isUnderNewest(context: VaultContext, { hsmKek, softwareKek, macKey }: WrappedVaultKeys): boolean {
    const isNewest = (name: HeldName, wrapped: string | null) =>
      wrapped === null ||
      ifOurs(() => this.#keeperOf(name).#newest().openVaultKey(context, name, wrapped)) !== undefined
    return (
      isNewest('macKey', macKey) &&
      isNewest('softwareKek', softwareKek) &&
      (hsmKek === null || this.kek(context, hsmKek).generation === this.generations()[0])
    )
  }

  /** A held key that was under a former root, under the newest. */
  rewrapHeld(context: VaultContext, name: HeldName, wrapped: string): string {
    return this.wrapHeld(context, name, this.heldKey(context, name, wrapped).export())
  }

  /** The key in plaintext is cleared. */
  wrapHeld(context: VaultContext, name: HeldName, secret: Buffer): string {
    return this.#keeperOf(name).#newest().wrapVaultKey(context, name, secret)
  }

  /** A KEK's blob under the newest root. */
  boundKek(context: VaultContext, blob: Buffer): string {
    return this.#bound('vault-keys/hsmKek', vaultText(context), blob)
  }

  /** Bound to its whole offer, so that a stored offer cannot be changed under it. */
  boundTransportKey(offer: TransportOffer, blob: Buffer): string {
    const bound = this.#bound('transport', unsignedBytes(offer).toString(), blob)
    this.requireRight()
    return bound
  }

  transportKey(offer: TransportOffer, text: string): RootBlob | undefined {
    return this.#opened('transport', unsignedBytes(offer).toString(), text)
  }

  /** Of its roots, the newest first. */
  generations(): readonly number[] {
    return this.token.run((_session, { roots }) => roots.map(({ generation }) => generation))
  }

  #keeperOf(name: HeldName): VaultKeeper {
    return name === 'macKey' ? (this.#region ?? this) : this
  }

  #newest(): VaultRoot {
    const [newest = 1] = this.generations()
    return this.#held(newest)
  }

  #held(generation: number): VaultRoot {
    return new VaultRoot(macRootOf(this.token, generation))
  }

  #bound(label: string, context: string, blob: Buffer): string {
    const [newest = 1] = this.generations()
    return `${blob.toString('base64')}.${this.#macOf(newest, label, context, blob).toString('base64')}`
  }

  #opened(label: string, context: string, text: string): RootBlob | undefined {
    const [blob, mac] = text.split('.').map((part) => Buffer.from(part, 'base64'))
    if (blob === undefined || mac === undefined) return undefined
    const generation = this.generations().find((each) => isSameMac(this.#macOf(each, label, context, blob), mac))
    return generation === undefined ? undefined : { blob, generation }
  }

  /** INVARIANT: begins with a letter, while what keys are derived from begins with a counter (kdf.ts). */
  #macOf(generation: number, label: string, context: string, blob: Buffer): Buffer {
    return macRootOf(this.token, generation).tag(Buffer.from(`token/${label}\0${context}\0${blob.toString('base64')}`))
  }
}

function ifOurs<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure')) return undefined
    throw cause
  }
}
