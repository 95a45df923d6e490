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
} from '../../hsm/hsm.ts'
import { keksDestroyed } from '../../hsm/software/vaultRoot.ts'

/** A vault whose rows verify at once and whose KEKs are opened by the key service when they are first needed, and kept. */
export class KmsVaultKeys implements VaultKeys {
  readonly #context: VaultContext
  readonly #rows: VaultKeys
  readonly #open: () => Promise<VaultKeys>
  #whole: VaultKeys | undefined
  #opening: Promise<VaultKeys> | undefined
  #isDestroyed = false

  /** `rows` has the MAC key alone; `open` gives the vault with all three keys. */
  constructor(context: VaultContext, rows: VaultKeys, open: () => Promise<VaultKeys>) {
    this.#context = context
    this.#rows = rows
    this.#open = open
  }

  rowMac(canonicalRow: string): Buffer {
    return this.#rows.rowMac(canonicalRow)
  }

  isRowMac(canonicalRow: string, mac: Uint8Array): boolean {
    return this.#rows.isRowMac(canonicalRow, mac)
  }

  rebind(from: Binding, wrapped: WrappedKey, to: MaterialContext): WrappedKey {
    return this.#rows.rebind(from, wrapped, to)
  }

  async generate(context: MaterialContext): Promise<WrappedKey> {
    return (await this.#opened()).generate(context)
  }

  async generateWrappingKey(context: WrappingKeyContext): Promise<WrappedKey> {
    return (await this.#opened()).generateWrappingKey(context)
  }

  async importWrapped(
    context: MaterialContext,
    wrappingKey: WrappingKey,
    scheme: WrappingScheme,
    blob: Uint8Array,
  ): Promise<WrappedKey> {
    return (await this.#opened()).importWrapped(context, wrappingKey, scheme, blob)
  }

  async exportUnder(
    context: MaterialContext,
    wrapped: WrappedKey,
    scheme: WrappingScheme,
    publicKeyPem: string,
  ): Promise<Buffer> {
    return (await this.#opened()).exportUnder(context, wrapped, scheme, publicKeyPem)
  }

  async use<T>(context: MaterialContext, wrapped: WrappedKey, work: (key: UsableKey) => Promise<T> | T): Promise<T> {
    return (this.#whole ?? (await this.#opened())).use(context, wrapped, work)
  }

  dropHandle(context: MaterialContext, wrapped: WrappedKey): void {
    this.#whole?.dropHandle(context, wrapped)
  }

  /** For whoever still holds this object, and for KEKs that are just being opened. */
  destroyKeks(): void {
    this.#isDestroyed = true
    this.#whole = undefined
  }

  /** Several calls at once ask the key service once; one that failed is asked again by the next call. */
  async #opened(): Promise<VaultKeys> {
    this.#requireKeks()
    if (this.#whole !== undefined) return this.#whole
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    const whole = await this.#opening
    this.#requireKeks() // they may have been destroyed meanwhile
    this.#whole = whole
    return whole
  }

  #requireKeks(): void {
    if (this.#isDestroyed) throw keksDestroyed(this.#context)
  }
}
