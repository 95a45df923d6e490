import { canonicalJson } from '../../canonicalJson.ts'
import type { KmsError } from '../../errors.ts'
import { requireFormat } from '../../requireFormat.ts'
import { isSameMac } from '../formats/blobMac.ts'
import type { TransportOffer, VaultContext, WrappedVaultKeys } from '../hsm.ts'
import { unsignedBytes } from '../formats/statement.ts'
import type { CmacKey } from '../primitives/kdf.ts'
import { keksDestroyed, notOurs, VAULT_KEY_LENGTH, VaultRoot } from '../software/vaultRoot.ts'

/** AES keys have 16, 24 or 32 bytes, and AES-KWP makes 8 more: the length of a key in a token is not told by every token. */
export function isWrappedVaultKey(blob: Buffer): boolean {
  return blob.length === VAULT_KEY_LENGTH + 8
}

const format = 'vaultspan/vault-keys/1+token'

/**
 * A region's root in a token, in two objects: one wraps the KEKs for HSM keys and the transport keys, inside; of the other
 * keys are derived for what the process holds, and MACs made that bind each blob to its context, since AES-KWP takes none.
 */
export class TokenVaultRoot {
  /** For the MAC key and the KEK for SOFTWARE keys, as under a simulated HSM's root. */
  readonly held: VaultRoot
  readonly #mac: CmacKey

  constructor(mac: CmacKey) {
    this.held = new VaultRoot(mac)
    this.#mac = mac
  }

  /** `take` gives the two keys of the process in plaintext; they are cleared. */
  wrapped(context: VaultContext, hsmKek: Buffer, take: (name: 'softwareKek' | 'macKey') => Buffer): WrappedVaultKeys {
    const of = (name: 'softwareKek' | 'macKey') => this.held.wrapVaultKey(context, name, take(name))
    const bound = this.#bound('vault-keys/hsmKek', vaultText(context), hsmKek)
    return { format, hsmKek: bound, softwareKek: of('softwareKek'), macKey: of('macKey') }
  }

  /** @throws KmsError integrityFailure where it was not made here for this vault, or destroyed. */
  hsmKekBlob(context: VaultContext, hsmKek: string | null): Buffer {
    if (hsmKek === null) throw keksDestroyed(context)
    const blob = this.#opened('vault-keys/hsmKek', vaultText(context), hsmKek)
    if (blob === undefined) throw notOurs(context)
    return blob
  }

  requireFormat(wrapped: WrappedVaultKeys): void {
    requireFormat('A row of wrapped vault keys', wrapped, format)
  }

  notOurs(context: VaultContext): KmsError {
    return notOurs(context)
  }

  /** Bound to its whole offer, so that a stored offer cannot be changed under it. */
  boundTransportKey(offer: TransportOffer, blob: Buffer): string {
    return this.#bound('transport', unsignedBytes(offer).toString(), blob)
  }

  transportKeyBlob(offer: TransportOffer, text: string): Buffer | undefined {
    return this.#opened('transport', unsignedBytes(offer).toString(), text)
  }

  #bound(label: string, context: string, blob: Buffer): string {
    return `${blob.toString('base64')}.${this.#macOf(label, context, blob).toString('base64')}`
  }

  #opened(label: string, context: string, text: string): Buffer | undefined {
    const [blob, mac] = text.split('.').map((part) => Buffer.from(part, 'base64'))
    if (blob === undefined || mac === undefined) return undefined
    return isSameMac(this.#macOf(label, context, blob), mac) ? blob : undefined
  }

  /** INVARIANT: begins with a letter, while what keys are derived from begins with a counter (kdf.ts). */
  #macOf(label: string, context: string, blob: Buffer): Buffer {
    return this.#mac.tag(Buffer.from(`token/${label}\0${context}\0${blob.toString('base64')}`))
  }
}

function vaultText({ realm, tenancyId, vaultId, isPrivate }: VaultContext): string {
  return canonicalJson({ realm, tenancyId, vaultId, isPrivate })
}
