import type { Binding, MaterialContext, UsableKey, VaultKeys, WrappedKey } from '../../hsm.ts'
import type { SoftwareVaultKeys } from '../../software/vaultKeys.ts'

/**
 * A private vault whose token does not answer. Its rows verify, for its MAC key is under the region's root: it is listed and
 * shown like others. Whatever needs its keys opens the vault anew, and is refused as long as that fails.
 */
export class AwayVaultKeys implements VaultKeys {
  readonly #held: SoftwareVaultKeys
  readonly #opened: () => VaultKeys

  /** `held` has the MAC key alone. `opened` throws KmsError unavailable while the token is away. */
  constructor(held: SoftwareVaultKeys, opened: () => VaultKeys) {
    this.#held = held
    this.#opened = opened
  }

  rowMac(canonicalRow: string): Buffer {
    return this.#held.rowMac(canonicalRow)
  }

  isRowMac(canonicalRow: string, mac: Uint8Array): boolean {
    return this.#held.isRowMac(canonicalRow, mac)
  }

  rebind(from: Binding, wrapped: WrappedKey, to: MaterialContext): WrappedKey {
    return this.#held.rebind(from, wrapped, to)
  }

  dropHandle(context: MaterialContext, wrapped: WrappedKey): void {
    this.#held.dropHandle(context, wrapped)
  }

  async generate(...args: Parameters<VaultKeys['generate']>): Promise<WrappedKey> {
    return this.#opened().generate(...args)
  }

  async generateWrappingKey(...args: Parameters<VaultKeys['generateWrappingKey']>): Promise<WrappedKey> {
    return this.#opened().generateWrappingKey(...args)
  }

  async importWrapped(...args: Parameters<VaultKeys['importWrapped']>): Promise<WrappedKey> {
    return this.#opened().importWrapped(...args)
  }

  async exportUnder(...args: Parameters<VaultKeys['exportUnder']>): Promise<Buffer> {
    return this.#opened().exportUnder(...args)
  }

  async use<T>(context: MaterialContext, wrapped: WrappedKey, work: (key: UsableKey) => Promise<T> | T): Promise<T> {
    return this.#opened().use(context, wrapped, work)
  }
}
