import { createPublicKey } from 'node:crypto'
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
} from '../../hsm.ts'
import { unwrapMaterial } from '../../formats/wrappingScheme.ts'
import type { BlobContext } from '../../formats/blobMac.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import type { HandleCache } from '../../software/handleCache.ts'
import type { Material, RsaGenerator } from '../../software/material.ts'
import { makingCost, type PoolShare } from '../../software/poolShare.ts'
import type { SoftwareKey } from '../../software/softwareKey.ts'
import { requireImportable, requireMaterialId, WRAPPING_KEY_LENGTH } from '../../software/materialRules.ts'
import type { SoftwareVaultKeys } from '../../software/vaultKeys.ts'
import { keksDestroyed } from '../../software/vaultRoot.ts'
import { CKA } from '../library/constants.ts'
import { extractableTemplate, masterTemplate, rsaPrivateTemplate } from '../token/templates.ts'
import { type Template } from '../library/encode.ts'
import { heldObject, type HeldObject } from './heldObject.ts'
import type { HsmKek } from './hsmKek.ts'
import type { VaultToken } from '../roots/regionToken.ts'
import { isDecrypting, requireSigning, requireSame } from './rightlyWrapped.ts'
import { aesTokenKey, ecdsaTokenKey, rsaTokenDecrypt, rsaTokenKey, wrongly } from './tokenKey.ts'
import { generateAes, generateEcPair, generateRsaPair, intoToken, type MadeKey } from '../token/tokenMaterial.ts'

interface Parts {
  readonly token: VaultToken
  readonly context: VaultContext
  /** The vault's other two keys, and everything that is done with them. */
  readonly held: SoftwareVaultKeys
  readonly kek: HsmKek | undefined
  readonly handles: HandleCache<SoftwareKey>
  readonly share: PoolShare
  /** For tests, which do not wait for a new pair each time; undefined: the token makes them. */
  readonly generateRsa: RsaGenerator | undefined
}

const wrappingKeyTemplate = rsaPrivateTemplate([CKA.DECRYPT], { isExtractable: false })

/** A vault whose HSM keys are used inside a token. Its MAC key and its SOFTWARE keys are in the process (docs/hsm.md). */
export class TokenVaultKeys implements VaultKeys {
  readonly #parts: Parts
  #kek: HsmKek | undefined
  readonly #lifeIds = new WeakMap<WrappedKey, { readonly base: string; readonly life: number; readonly id: string }>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.#kek = parts.kek
  }

  rowMac(canonicalRow: string): Buffer {
    return this.#parts.held.rowMac(canonicalRow)
  }

  isRowMac(canonicalRow: string, mac: Uint8Array): boolean {
    return this.#parts.held.isRowMac(canonicalRow, mac)
  }

  rebind(from: Binding, wrapped: WrappedKey, to: MaterialContext): WrappedKey {
    return this.#parts.held.rebind(from, wrapped, to)
  }

  exportUnder(
    context: MaterialContext,
    wrapped: WrappedKey,
    scheme: WrappingScheme,
    recipientPem: string,
  ): Promise<Buffer> {
    // Refuses what is HSM-protected, before it would be opened.
    return this.#parts.held.exportUnder(context, wrapped, scheme, recipientPem)
  }

  async generate(context: MaterialContext): Promise<WrappedKey> {
    const { token, held, generateRsa } = this.#parts
    if (context.protectionMode === 'SOFTWARE') return held.generate(context)
    requireMaterialId(context.materialId)
    this.#requireKek()
    const { shape } = context
    if (shape.algorithm === 'AES') {
      token.loop.requireTurn()
      return token.runInTurn((session) => this.#wrapMade(context, { handle: generateAes(session, shape.length) }))
    }
    if (shape.algorithm === 'RSA' && generateRsa !== undefined) {
      return this.#proven(context, this.#wrapHeld(context, await generateRsa(shape.length * 8)))
    }
    const make = () =>
      token.onThread(async (session) => {
        const uses = [CKA.SIGN, CKA.DECRYPT]
        const { algorithm } = shape
        const pair = await (algorithm === 'RSA'
          ? generateRsaPair(session, shape.length * 8, uses)
          : generateEcPair(session, shape))
        return this.#wrapMade(context, pair)
      })
    return this.#proven(context, await this.#inShare(make, makingCost(shape)))
  }

  async generateWrappingKey({ keyId, materialId }: WrappingKeyContext): Promise<WrappedKey> {
    const { token, generateRsa } = this.#parts
    const context = { keyId, materialId }
    requireMaterialId(materialId)
    this.#requireKek()
    const bits = WRAPPING_KEY_LENGTH * 8
    if (generateRsa !== undefined)
      return this.#proven(context, this.#wrapHeld(context, await this.#inShare(() => generateRsa(bits))))
    const made = await this.#inShare(() =>
      token.onThread(async (session) => this.#wrapMade(context, await generateRsaPair(session, bits, [CKA.DECRYPT]))),
    )
    return this.#proven(context, made)
  }

  async importWrapped(
    context: MaterialContext,
    { context: { keyId, materialId }, wrapped }: WrappingKey,
    scheme: WrappingScheme,
    blob: Uint8Array,
  ): Promise<WrappedKey> {
    requireMaterialId(context.materialId)
    requireImportable(context.shape, scheme)
    const { held, token } = this.#parts
    token.loop.requireTurn()
    const object = this.#unwrap({ keyId, materialId }, wrapped, wrappingKeyTemplate)
    let secret: Buffer | undefined
    try {
      const publicKey = createPublicKey(wrapped.publicKey ?? '')
      const decrypt = (bytes: Uint8Array) => rsaTokenDecrypt(publicKey, object, 'sha256', bytes)
      secret = await unwrapMaterial(scheme, { length: WRAPPING_KEY_LENGTH, decrypt }, blob)
    } finally {
      object.destroy()
    }
    if (context.protectionMode === 'SOFTWARE')
      return held.withImported(context, secret, (material) => held.wrapMaterial(context, material))
    return this.#proven(
      context,
      await held.withImported(context, secret, (material) => this.#wrapHeld(context, material)),
    )
  }

  async use<T>(context: MaterialContext, wrapped: WrappedKey, work: (key: UsableKey) => Promise<T> | T): Promise<T> {
    const { held, handles, token } = this.#parts
    if (context.protectionMode === 'SOFTWARE') return held.use(context, wrapped, work)
    // A handle of a former life of the token is not found, and goes in its turn.
    return handles.use(this.#lifeId(context, wrapped, token.life), () => this.#openInTurn(context, wrapped), work)
  }

  dropHandle(context: MaterialContext, wrapped: WrappedKey): void {
    this.#parts.handles.drop(this.#handleId(context, wrapped))
    this.#parts.held.dropHandle(context, wrapped)
  }

  destroyKeks(): void {
    this.#kek?.release()
    this.#kek = undefined
    // It knows the prefix of all handles of this vault.
    this.#parts.held.destroyKeks()
  }

  /** As destroyKeks, where the same vault in another thread has let go of all its handles; whether it has. */
  followDrop(idStart: string): boolean {
    const isDestroyed = this.#parts.held.followDrop(idStart)
    if (isDestroyed) this.destroyKeks()
    return isDestroyed
  }

  /** The vault was not used for long: what it opened in the token goes, and opens again where it is needed. */
  release(): void {
    this.#kek?.release()
  }

  /** Made once for a key and a life: it is long, and a Map hashes each new text whole. */
  #lifeId(context: MaterialContext, wrapped: WrappedKey, life: number): string {
    const base = this.#handleId(context, wrapped)
    const known = this.#lifeIds.get(wrapped)
    if (known?.base === base && known.life === life) return known.id
    const id = `${base}:${life}`
    this.#lifeIds.set(wrapped, { base, life, id })
    return id
  }

  #handleId(context: MaterialContext, wrapped: WrappedKey): string {
    return this.#parts.held.handleId(context, wrapped)
  }

  /** @throws KmsError unavailable where this turn of the event loop is spent. */
  #openInTurn(context: MaterialContext, wrapped: WrappedKey): SoftwareKey {
    this.#parts.token.loop.requireTurn()
    return this.#open(context, wrapped)
  }

  #open(context: MaterialContext, wrapped: WrappedKey): SoftwareKey {
    const { shape, materialId } = context
    const object = this.#unwrap(context, wrapped, masterTemplate(shape))
    if (shape.algorithm === 'AES') return aesTokenKey(shape, materialId, object, this.#parts.token)
    const publicKey = wrapped.publicKey ?? ''
    return shape.algorithm === 'RSA' ? rsaTokenKey(publicKey, object) : ecdsaTokenKey(shape, publicKey, object)
  }

  /** @throws KmsError integrityFailure where context, MAC and blob do not fit together. */
  #unwrap(context: BlobContext, wrapped: WrappedKey, template: Template): HeldObject {
    const { token, held } = this.#parts
    held.requireBound(context, wrapped)
    const kek = this.#requireKek()
    const blob = Buffer.from(wrapped.blob, 'base64')
    // Its MAC fits: where it does not open all the same, it is the token that fails, and not the blob.
    return token.runInTurn((session, objects) =>
      kek.use(session, objects, (under) => heldObject(token, session.unwrap(objects.kwp, under, blob, template))),
    )
  }

  /** A key of the token's, which is destroyed there: from here on it is its blob. */
  #wrapMade(context: BlobContext, { handle, publicKey }: MadeKey): WrappedKey {
    const kek = this.#requireKek()
    const blob = this.#parts.token.runInTurn((session, objects) => {
      try {
        return kek.use(session, objects, (under) => {
          const wrapped = session.wrap(objects.kwp, under, handle)
          if ('shape' in context && context.shape.algorithm === 'AES') {
            const template = masterTemplate(context.shape)
            requireSame(session, handle, () => session.unwrap(objects.kwp, under, wrapped, template))
          }
          return wrapped
        })
      } finally {
        session.destroy(handle)
      }
    })
    return this.#parts.held.bind(context, blob, publicKey === undefined ? undefined : publicKeyPem(publicKey))
  }

  /** A key that came to the process: brought by a caller, or made by a test. It is cleared. */
  #wrapHeld(context: BlobContext, { secret, publicKey }: Material): WrappedKey {
    this.#requireKek()
    const shape = 'shape' in context ? context.shape : ({ algorithm: 'RSA', length: WRAPPING_KEY_LENGTH } as const)
    try {
      this.#parts.token.loop.requireTurn()
      return this.#parts.token.runInTurn((session, { kwp }) => {
        const handle = intoToken(session, kwp, secret, extractableTemplate(shape))
        return this.#wrapMade(context, {
          handle,
          ...(publicKey === undefined ? {} : { publicKey: createPublicKey(publicKey) }),
        })
      })
    } finally {
      secret.fill(0)
    }
  }

  /**
   * Its blob is opened once before anybody hears of it, and is of its public key: what never opens is not made. An AES key was
   * compared when it was wrapped.
   */
  async #proven(context: BlobContext, wrapped: WrappedKey): Promise<WrappedKey> {
    const { publicKey } = wrapped
    if (publicKey === undefined) return wrapped
    if ('shape' in context) await requireSigning(this.#open(context, wrapped), context.shape)
    else if (!(await isDecrypting(this.#unwrap(context, wrapped, wrappingKeyTemplate), publicKey)))
      throw wrongly('wrapped another key than it has made')
    return wrapped
  }

  #requireKek(): HsmKek {
    if (this.#kek === undefined) throw keksDestroyed(this.#parts.context)
    return this.#kek
  }

  #inShare<T>(work: () => Promise<T>, cost?: number): Promise<T> {
    return this.#parts.share.run(this.#parts.context.vaultId, work, cost)
  }
}
