import { crc32 } from 'node:zlib'
import { canonicalJson, type JsonObject } from '../../lib/canonicalJson.ts'
import { doesNotOpen, KmsError } from '../../lib/errors.ts'
import type {
  Binding,
  MaterialContext,
  UsableKey,
  VaultContext,
  VaultKeys,
  WrappedKey,
  WrappingKey,
  WrappingKeyContext,
  WrappingScheme,
} from '../../lib/hsm/hsm.ts'
import { mustOpen, openWith, publicPart, sealFor, sealText, tag, tagFrom } from './sealedText.ts'

export interface VaultSecrets {
  /** Null once destroyed. */
  readonly hsmKek: string | null
  readonly softwareKek: string | null
  readonly macKey: string
}

/** A call of the HSM that takes a while: anything else may happen before it. */
export type Later = <T>(label: string, effect: () => T) => Promise<T>
type NewSecret = () => string

/** A vault opened in the simulated HSM. Its keys are texts; all MACs are checked. */
export class SimulatedVaultKeys implements VaultKeys {
  readonly #context: VaultContext
  readonly #secrets: VaultSecrets
  readonly #later: Later
  readonly #newSecret: NewSecret
  readonly #rowMacStart: number

  constructor(context: VaultContext, secrets: VaultSecrets, later: Later, newSecret: NewSecret) {
    this.#context = context
    this.#secrets = secrets
    this.#later = later
    this.#newSecret = newSecret
    this.#rowMacStart = crc32(`${secrets.macKey}\nrow/v1\n`)
  }

  rowMac(canonicalRow: string): Buffer {
    return Buffer.from(tagFrom(this.#rowMacStart, canonicalRow), 'hex')
  }

  isRowMac(canonicalRow: string, mac: Uint8Array): boolean {
    return this.rowMac(canonicalRow).equals(mac)
  }

  generate(context: MaterialContext): Promise<WrappedKey> {
    return this.#later('generate', () => this.#wrap(context, this.#newSecret()))
  }

  generateWrappingKey(context: WrappingKeyContext): Promise<WrappedKey> {
    return this.#later('generateWrappingKey', () => this.#wrap(context, this.#newSecret()))
  }

  importWrapped(
    context: MaterialContext,
    wrappingKey: WrappingKey,
    _scheme: WrappingScheme,
    blob: Uint8Array,
  ): Promise<WrappedKey> {
    return this.#later('importWrapped', () => {
      const opener = this.#unwrap(wrappingKey.context, wrappingKey.wrapped)
      const secret = openWith(opener, Buffer.from(blob).toString())
      if (secret === undefined) throw new KmsError('invalidParameter', 'keyMaterial gives no key of this shape.')
      return this.#wrap(context, secret)
    })
  }

  async exportUnder(
    context: MaterialContext,
    wrapped: WrappedKey,
    _scheme: WrappingScheme,
    publicKeyPem: string,
  ): Promise<Buffer> {
    return Buffer.from(sealFor(publicKeyPem, this.#unwrap(context, wrapped)))
  }

  async use<T>(context: MaterialContext, wrapped: WrappedKey, work: (key: UsableKey) => Promise<T> | T): Promise<T> {
    return work(usable(context.materialId, this.#unwrap(context, wrapped)))
  }

  dropHandle(): void {
    // Nothing is kept.
  }

  rebind(from: Binding, wrapped: WrappedKey, to: MaterialContext): WrappedKey {
    if (this.#blobMac(from.material, wrapped, from.vault) !== wrapped.mac) {
      throw new KmsError('integrityFailure', `The saved material of key ${from.material.keyId} does not fit its row.`)
    }
    return { ...wrapped, mac: this.#blobMac(to, wrapped) }
  }

  #kek(context: MaterialContext | WrappingKeyContext): string {
    const isSoftware = 'protectionMode' in context && context.protectionMode === 'SOFTWARE'
    const kek = isSoftware ? this.#secrets.softwareKek : this.#secrets.hsmKek
    if (kek === null) throw new KmsError('integrityFailure', `The keys of ${this.#context.vaultId} were destroyed.`)
    return kek
  }

  #wrap(context: MaterialContext | WrappingKeyContext, secret: string): WrappedKey {
    const unsigned = { format: 'vaultspan/key/1', blob: sealText(this.#kek(context), 'blob', secret) } as const
    const named = 'shape' in context ? unsigned : { ...unsigned, publicKey: publicPart(secret) }
    return { ...named, mac: this.#blobMac(context, named) }
  }

  #unwrap(context: MaterialContext | WrappingKeyContext, wrapped: WrappedKey): string {
    if (this.#blobMac(context, wrapped) !== wrapped.mac) {
      throw new KmsError('integrityFailure', `The stored material of key ${context.keyId} does not fit its row.`)
    }
    return mustOpen(this.#kek(context), 'blob', wrapped.blob)
  }

  #blobMac(
    context: MaterialContext | WrappingKeyContext,
    { blob, publicKey = '' }: Pick<WrappedKey, 'blob' | 'publicKey'>,
    vault = this.#context,
  ): string {
    const of = [{ ...vault }, asJson(context), blob, publicKey]
    return tag(this.#secrets.macKey, 'blob/v1', canonicalJson(of))
  }
}

function asJson(context: MaterialContext | WrappingKeyContext): JsonObject {
  return 'shape' in context ? { ...context, shape: { ...context.shape } } : { ...context }
}

const idBytes = 16
const tagBytes = 16

/** `material id | tag | plaintext`: the tag needs the secret, the associated data and the plaintext. */
function usable(materialId: string, secret: string): UsableKey {
  const tagOf = (plaintext: Uint8Array, associatedData: Readonly<Record<string, string>>) =>
    Buffer.from(tag(secret, canonicalJson(associatedData), Buffer.from(plaintext).toString('hex')), 'hex')
  return {
    encrypt: (_algorithm, plaintext, associatedData) =>
      Buffer.concat([Buffer.from(materialId, 'hex'), tagOf(plaintext, associatedData), plaintext]),
    decrypt: (_algorithm, ciphertext, associatedData) => {
      const bytes = Buffer.from(ciphertext)
      const plaintext = Buffer.from(bytes.subarray(idBytes + tagBytes))
      if (!tagOf(plaintext, associatedData).equals(bytes.subarray(idBytes, idBytes + tagBytes)))
        throw doesNotOpen({ name: 'ciphertextDiffers' })
      return plaintext
    },
    sign: async (algorithm, type, message) =>
      Buffer.from(tag(secret, `${algorithm} ${type}`, Buffer.from(message).toString('hex')), 'hex'),
    verify: async (algorithm, type, message, signature) =>
      Buffer.from(tag(secret, `${algorithm} ${type}`, Buffer.from(message).toString('hex')), 'hex').equals(signature),
  }
}

/** The id of the material a ciphertext was made with. */
export function ciphertextMaterialId(ciphertext: Uint8Array): string | undefined {
  if (ciphertext.length < idBytes + tagBytes) return undefined
  return Buffer.from(ciphertext.subarray(0, idBytes)).toString('hex')
}
