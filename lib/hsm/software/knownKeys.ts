import { hash } from 'node:crypto'
import type { BlobContext } from '../formats/blobMac.ts'
import type { MaterialContext, WrappedKey } from '../hsm.ts'

interface KnownKey {
  readonly context: MaterialContext
  readonly id: string
  /** Its MAC was found to fit this context. */
  isBound: boolean
}

/** Of a vault's wrapped keys as rows hold them: a row is read once and used often, and nothing of it changes. */
export class KnownKeys {
  /** Tells this vault's handles from another's in the cache that all vaults share. */
  readonly prefix: string
  readonly #known = new WeakMap<WrappedKey, KnownKey>()

  constructor(identity: string) {
    this.prefix = hash('sha256', identity, 'hex')
  }

  /** INVARIANT: names everything that the blob MAC covers, and the MAC, because a hit in the cache is not verified again. */
  handleId(context: MaterialContext, wrapped: WrappedKey): string {
    const known = this.find(context, wrapped)
    if (known !== undefined) return known.id
    const { keyId, materialId, shape, protectionMode, isExportable } = context
    const curveId = shape.algorithm === 'ECDSA' ? shape.curveId : ''
    const { format, blob, mac, publicKey = '' } = wrapped
    const parts = [keyId, materialId, shape.algorithm, shape.length, curveId, protectionMode, isExportable]
    const id = this.prefix + JSON.stringify([...parts, format, blob, mac, publicKey])
    this.#known.set(wrapped, { context, id, isBound: false })
    return id
  }

  find(context: BlobContext, wrapped: WrappedKey): KnownKey | undefined {
    const known = this.#known.get(wrapped)
    return known !== undefined && 'shape' in context && isSameUse(known.context, context) ? known : undefined
  }
}

/** For every use of a key, so shapes are compared as the objects that they are. */
function isSameUse(one: MaterialContext, other: MaterialContext): boolean {
  return (
    one.keyId === other.keyId &&
    one.materialId === other.materialId &&
    one.shape === other.shape &&
    one.protectionMode === other.protectionMode &&
    one.isExportable === other.isExportable
  )
}
