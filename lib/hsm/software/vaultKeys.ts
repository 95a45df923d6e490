import type { KeyObject } from 'node:crypto'
import { requireFormat } from '../../requireFormat.ts'
import { blobText, isSameMac, labelledMac, type BlobContext } from '../formats/blobMac.ts'
import { Cmac } from '../primitives/cmac.ts'
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
} from '../hsm.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { modulusLength, rsaDecrypt } from '../primitives/rsa.ts'
import { recipientKey } from '../formats/recipientKey.ts'
import { requireScheme, unwrapMaterial, wrapMaterial } from '../formats/wrappingScheme.ts'
import type { HandleCache } from './handleCache.ts'
import { importedMaterial } from './importedMaterial.ts'
import { isText, refusedMaterial, unusableImport } from './importRefusal.ts'
import { generateMaterial, generateRsaMaterial, keyFromMaterial, type Material, type RsaGenerator } from './material.ts'
import { keyGenerationShare, makingCost, type PoolShare } from './poolShare.ts'
import { aesKey, ecdsaKey, rsaKey, type SoftwareKey } from './softwareKey.ts'
import { isSameMaterial } from './sameMaterial.ts'
import { KnownKeys } from './knownKeys.ts'
import {
  broken,
  requireExportable,
  requireImportable,
  requireMaterialId,
  WRAPPING_KEY_LENGTH,
} from './materialRules.ts'
import { keksDestroyed } from './vaultRoot.ts'

export interface OpenedVaultKeys {
  readonly hsmKek: KeyObject
  readonly softwareKek: KeyObject
  readonly macKey: KeyObject
}

/** What a process may hold of a vault's keys: with the KEK for HSM keys in a token, the others; without KEKs, the MAC key. */
export type HeldVaultKeys = Pick<OpenedVaultKeys, 'macKey'> & Partial<OpenedVaultKeys>

interface Keks {
  readonly HSM: KeyObject | undefined
  readonly SOFTWARE: KeyObject
}

export class SoftwareVaultKeys implements VaultKeys {
  readonly #context: VaultContext
  #keks: Keks | undefined
  readonly #mac: Cmac
  readonly #handles: HandleCache<SoftwareKey>
  readonly #known: KnownKeys
  readonly #generateRsa: RsaGenerator
  readonly #share: PoolShare

  /** Without KEKs it authenticates rows and nothing else. */
  constructor(
    context: VaultContext,
    keys: HeldVaultKeys,
    handles: HandleCache<SoftwareKey>,
    identity: string,
    generateRsa: RsaGenerator = generateRsaMaterial,
    share: PoolShare = keyGenerationShare,
  ) {
    this.#context = context
    this.#keks = keys.softwareKek && { HSM: keys.hsmKek, SOFTWARE: keys.softwareKek }
    this.#mac = new Cmac(keys.macKey)
    this.#handles = handles
    this.#known = new KnownKeys(identity)
    this.#generateRsa = generateRsa
    this.#share = share
  }

  rowMac(canonicalRow: string): Buffer {
    return labelledMac(this.#mac, 'row/v1', canonicalRow)
  }

  isRowMac(canonicalRow: string, mac: Uint8Array): boolean {
    return isSameMac(this.rowMac(canonicalRow), mac)
  }

  async generate(context: MaterialContext): Promise<WrappedKey> {
    requireMaterialId(context.materialId)
    this.#requireKeks() // before a second goes into a key pair
    const { shape } = context
    const make = () => generateMaterial(shape, this.#generateRsa)
    const made = shape.algorithm === 'AES' ? make() : this.#inShare(make, makingCost(shape))
    return this.wrapMaterial(context, await made)
  }

  async generateWrappingKey({ keyId, materialId }: WrappingKeyContext): Promise<WrappedKey> {
    requireMaterialId(materialId)
    this.#requireKeks()
    return this.wrapMaterial(
      { keyId, materialId },
      await this.#inShare(() => this.#generateRsa(WRAPPING_KEY_LENGTH * 8)),
    )
  }

  #inShare<T>(work: () => Promise<T>, cost?: number): Promise<T> {
    return this.#share.run(this.#context.vaultId, work, cost)
  }

  async importWrapped(
    context: MaterialContext,
    wrappingKey: WrappingKey,
    scheme: WrappingScheme,
    blob: Uint8Array,
  ): Promise<WrappedKey> {
    requireMaterialId(context.materialId)
    requireImportable(context.shape, scheme)
    const key = this.#openWrappingKey(wrappingKey)
    const decrypter = { length: modulusLength(key), decrypt: (bytes: Uint8Array) => rsaDecrypt(key, 'sha256', bytes) }
    const secret = await unwrapMaterial(scheme, decrypter, blob)
    return this.withImported(context, secret, (material) => this.wrapMaterial(context, material))
  }

  /** Gives `work` what a caller brought, once it is known to be a key of this shape; filled with zeros afterwards. */
  async withImported<T>(
    context: MaterialContext,
    secret: Buffer | undefined,
    work: (material: Material) => T,
  ): Promise<T> {
    if (secret === undefined) throw unusableImport()
    try {
      // A pair that is brought has its primes checked, which takes the pool too, though less than finding them.
      const material = await this.#inShare(() => importedMaterial(context.shape, secret), 1)
      if (material === undefined || isText(context.shape, secret)) throw refusedMaterial(context.shape, secret)
      return work(material)
    } finally {
      secret.fill(0)
    }
  }

  async exportUnder(
    context: MaterialContext,
    wrapped: WrappedKey,
    scheme: WrappingScheme,
    publicKeyPem: string,
  ): Promise<Buffer> {
    requireExportable(context)
    requireScheme(context.shape, scheme)
    const publicKey = recipientKey(publicKeyPem)
    return this.#withMaterial(context, wrapped, (secret) => wrapMaterial(scheme, publicKey, secret))
  }

  rebind(from: Binding, wrapped: WrappedKey, to: MaterialContext): WrappedKey {
    const isOld = isSameMac(
      labelledMac(this.#mac, 'blob/v1', blobText(from.vault, from.material, wrapped)),
      Buffer.from(wrapped.mac, 'base64'),
    )
    if (!isOld || !isSameMaterial(from.material, to)) throw broken(to)
    return { ...wrapped, mac: this.#blobMac(to, wrapped).toString('base64') }
  }

  use<T>(context: MaterialContext, wrapped: WrappedKey, work: (key: UsableKey) => Promise<T> | T): Promise<T> {
    return this.#handles.use(this.handleId(context, wrapped), () => this.#open(context, wrapped), work)
  }

  dropHandle(context: MaterialContext, wrapped: WrappedKey): void {
    this.#handles.drop(this.handleId(context, wrapped))
  }

  /** For whoever still holds this object, and the handles that came of it. */
  destroyKeks(): void {
    this.#keks = undefined
    this.#handles.drop(this.#known.prefix)
  }

  /** As destroyKeks, where another instance of this vault has dropped all its handles; whether it has. */
  followDrop(idStart: string): boolean {
    if (idStart === this.#known.prefix) this.destroyKeks()
    return idStart === this.#known.prefix
  }

  handleId(context: MaterialContext, wrapped: WrappedKey): string {
    return this.#known.handleId(context, wrapped)
  }

  #open(context: MaterialContext, wrapped: WrappedKey): SoftwareKey {
    return this.#withMaterial(context, wrapped, (secret) => {
      const { shape, materialId } = context
      const key = keyFromMaterial(shape, secret)
      if (key === undefined) throw broken(context)
      if (shape.algorithm === 'AES') return aesKey(shape, materialId, key)
      return shape.algorithm === 'RSA' ? rsaKey(key) : ecdsaKey(shape, key)
    })
  }

  #openWrappingKey({ context: { keyId, materialId }, wrapped }: WrappingKey): KeyObject {
    const context = { keyId, materialId }
    return this.#withMaterial(context, wrapped, (secret) => {
      const key = keyFromMaterial({ algorithm: 'RSA', length: WRAPPING_KEY_LENGTH }, secret)
      if (key === undefined) throw broken(context)
      return key
    })
  }

  /** Wraps the material, which is filled with zeros. */
  wrapMaterial(context: BlobContext, { secret, publicKey }: Material): WrappedKey {
    try {
      return this.bind(context, wrapKey(this.#kek(context), secret), publicKey)
    } finally {
      secret.fill(0)
    }
  }

  /** A blob that was wrapped under this vault's KEK, bound to its context. */
  bind(context: BlobContext, wrapped: Buffer, publicKey: string | undefined): WrappedKey {
    const blob = wrapped.toString('base64')
    const unsigned = { format: 'vaultspan/key/1', blob, ...(publicKey === undefined ? {} : { publicKey }) } as const
    return { ...unsigned, mac: this.#blobMac(context, unsigned).toString('base64') }
  }

  /** Once for each key as a row holds it. @throws KmsError integrityFailure where the blob is not bound to this context. */
  requireBound(context: BlobContext, wrapped: WrappedKey): void {
    const known = this.#known.find(context, wrapped)
    if (known?.isBound === true) return
    requireFormat(`The material ${context.materialId}`, wrapped, 'vaultspan/key/1')
    if (!isSameMac(this.#blobMac(context, wrapped), Buffer.from(wrapped.mac, 'base64'))) throw broken(context)
    if (known !== undefined) known.isBound = true
  }

  /** Verifies, unwraps and gives the material to `work`; it is filled with zeros afterwards. */
  #withMaterial<T>(context: BlobContext, wrapped: WrappedKey, work: (secret: Buffer) => T): T {
    this.requireBound(context, wrapped)
    const secret = unwrapKey(this.#kek(context), Buffer.from(wrapped.blob, 'base64'))
    if (secret === undefined) throw broken(context)
    try {
      return work(secret)
    } finally {
      secret.fill(0)
    }
  }

  #kek(context: BlobContext): KeyObject {
    const kek = this.#requireKeks()['shape' in context ? context.protectionMode : 'HSM']
    if (kek === undefined) throw new TypeError('What is HSM-protected opens in the token only.')
    return kek
  }

  #requireKeks(): Keks {
    if (this.#keks === undefined) throw keksDestroyed(this.#context)
    return this.#keks
  }

  #blobMac(context: BlobContext, wrapped: Omit<WrappedKey, 'mac'>): Buffer {
    return labelledMac(this.#mac, 'blob/v1', blobText(this.#context, context, wrapped))
  }
}
