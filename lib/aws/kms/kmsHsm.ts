import type {
  Hsm,
  HsmCapabilities,
  RegionStatement,
  TransferBundle,
  TransferContext,
  TransportKey,
  TransportOffer,
  VaultContext,
  VaultKeys,
  VaultKeysBackup,
  VaultKeysOf,
  WrappedVaultKeys,
} from '../../hsm/hsm.ts'
import { HandleCache } from '../../hsm/software/handleCache.ts'
import type { SoftwareHsm } from '../../hsm/software/softwareHsm.ts'
import { SoftwareVaultKeys } from '../../hsm/software/vaultKeys.ts'
import { rootOf } from '../../hsm/software/softwareRoots.ts'
import type { VaultRoot } from '../../hsm/software/vaultRoot.ts'
import { LruCache } from '../../lruCache.ts'
import { KmsVaultKeys } from './kmsVaultKeys.ts'
import { areLiving, fromKms, kmsFormat, requireKmsWrapped, rewrapped, underKms, type KekPorts } from './wrappedKeks.ts'

/** A vault as it was opened, and from what. */
interface Opened {
  readonly dataKey: string
  readonly keks: string
  readonly keys: KmsVaultKeys
}

/**
 * The simulated HSM whose vaults' KEKs are wrapped by a key service too: who has the HSM's state and the tables but may
 * not ask the key service verifies rows and signs messages, and opens no key (docs/decisions/0014). Where it must be asked
 * (once for each vault and process), only what needs a KEK waits.
 */
export class KmsHsm implements Hsm {
  readonly region: string
  readonly #hsm: SoftwareHsm
  readonly #root: VaultRoot
  readonly #keks: KekPorts
  readonly #vaults = new LruCache<Opened>(1_000)

  constructor(hsm: SoftwareHsm, keks: KekPorts) {
    this.region = hsm.region
    this.#hsm = hsm
    this.#root = rootOf(hsm.copiedState())
    this.#keks = keks
  }

  async createVaultKeys(context: VaultContext): Promise<WrappedVaultKeys> {
    return this.underKms(context, await this.#hsm.createVaultKeys(context))
  }

  /** What an older version has stored, wrapped as `createVaultKeys` gives it; what is so already, as it is. */
  async underKms(context: VaultContext, wrapped: WrappedVaultKeys): Promise<WrappedVaultKeys> {
    return wrapped.format === kmsFormat ? wrapped : underKms(this.#keks, context, wrapped)
  }

  /** As `rewrapped` of wrappedKeks. */
  rewrapped(context: VaultContext, wrapped: WrappedVaultKeys): Promise<WrappedVaultKeys> {
    return rewrapped(this.#keks, context, wrapped)
  }

  openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys {
    const { realm, tenancyId, vaultId, isPrivate } = context
    const id = JSON.stringify([realm, tenancyId, vaultId, isPrivate, wrapped.macKey])
    const known = this.#vaults.get(id)
    if (wrapped.format !== kmsFormat) {
      const keys = this.#hsm.openVault(context, wrapped)
      if (!areLiving(wrapped)) this.#letGo(id)
      return keys
    }
    requireKmsWrapped(context, wrapped)
    const { dataKey } = wrapped
    const keks = JSON.stringify([wrapped.hsmKek, wrapped.softwareKek])
    if (known?.dataKey === dataKey && known.keks === keks) return known.keys
    const keys = this.#openLater(context, wrapped, id)
    this.#vaults.set(id, { dataKey, keks, keys })
    return keys
  }

  /** Of a vault whose KEKs were destroyed. */
  #letGo(id: string): void {
    this.#vaults.get(id)?.keys.destroyKeks()
    this.#vaults.delete(id)
  }

  #openLater(context: VaultContext, wrapped: WrappedVaultKeys, id: string): KmsVaultKeys {
    const macKey = this.#root.openMacKey(context, { ...wrapped, format: 'vaultspan/vault-keys/1' })
    const rows = new SoftwareVaultKeys(context, macKey, new HandleCache(0, () => undefined), id)
    const open = async () => this.#hsm.openVault(context, await fromKms(this.#keks, context, wrapped))
    return new KmsVaultKeys(context, rows, open)
  }

  withoutKeks(context: VaultContext, { macKey }: WrappedVaultKeys): WrappedVaultKeys {
    const destroyed = { format: 'vaultspan/vault-keys/1', hsmKek: null, softwareKek: null, macKey } as const
    this.openVault(context, destroyed)
    return destroyed
  }

  hasPartition(): boolean {
    return this.#hsm.hasPartition()
  }

  releasePartition(): void {
    this.#hsm.releasePartition()
  }

  async backUpVaultKeys(backup: VaultKeysOf, vault: VaultKeysOf): Promise<VaultKeysBackup> {
    const [under, of] = await Promise.all([this.#fromKms(backup), this.#fromKms(vault)])
    return this.#hsm.backUpVaultKeys(under, of)
  }

  async restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): Promise<WrappedVaultKeys> {
    return this.underKms(to, this.#hsm.restoreVaultKeys(await this.#fromKms(backup), from, saved, to))
  }

  async #fromKms({ context, wrapped }: VaultKeysOf): Promise<VaultKeysOf> {
    return { context, wrapped: await fromKms(this.#keks, context, wrapped) }
  }

  async exportVaultKeys(
    context: TransferContext,
    wrapped: WrappedVaultKeys,
    offer: TransportOffer,
  ): Promise<TransferBundle> {
    return this.#hsm.exportVaultKeys(context, await fromKms(this.#keks, context, wrapped), offer)
  }

  async importVaultKeys(
    context: TransferContext,
    bundle: TransferBundle,
    transportKey: TransportKey,
  ): Promise<WrappedVaultKeys> {
    return this.underKms(context, await this.#hsm.importVaultKeys(context, bundle, transportKey))
  }

  selfTest(): Promise<HsmCapabilities> {
    return this.#hsm.selfTest()
  }

  ciphertextMaterialId(ciphertext: Uint8Array): string | undefined {
    return this.#hsm.ciphertextMaterialId(ciphertext)
  }

  statement(tenancyId: string): RegionStatement {
    return this.#hsm.statement(tenancyId)
  }

  trustRoot(tenancyId: string): string {
    return this.#hsm.trustRoot(tenancyId)
  }

  identityHead(tenancyId: string): number {
    return this.#hsm.identityHead(tenancyId)
  }

  advanceIdentityHead(tenancyId: string, seq: number): void {
    this.#hsm.advanceIdentityHead(tenancyId, seq)
  }

  sign(bytes: Uint8Array): Promise<Buffer> {
    return this.#hsm.sign(bytes)
  }

  isSignedBy(statement: RegionStatement, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return this.#hsm.isSignedBy(statement, bytes, signature)
  }

  createTransportKey(context: TransferContext): Promise<TransportKey> {
    return this.#hsm.createTransportKey(context)
  }
}
