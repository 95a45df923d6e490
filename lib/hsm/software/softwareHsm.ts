import { createPrivateKey, createPublicKey, randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import type {
  HsmCapabilities,
  TransferBundle,
  TransferContext,
  TransportKey,
  TransportOffer,
  VaultContext,
  VaultKeys,
  VaultKeysBackup,
  VaultKeysOf,
  WrappedVaultKeys,
} from '../hsm.ts'
import type { ProvisionedHsm, RootRotation } from '../provisionedHsm.ts'
import { StateRevision, type RevisionNotes } from '../stateRevision.ts'
import { LruCache } from '../../lruCache.ts'
import { publicKeyPem, signP384 } from '../primitives/p384.ts'
import { chooseWrap, requireBundle, requireOffer, requireThat, signBundle, signOffer } from '../formats/transfer.ts'
import { HandleCache } from './handleCache.ts'
import { generateRsaMaterial, type RsaGenerator } from './material.ts'
import { runSelfTest, simulatedName } from './selfTest.ts'
import { keyGenerationShare, type PoolShare } from './poolShare.ts'
import type { SoftwareKey } from './softwareKey.ts'
import { toldState, withoutRootKeys, type HsmChange } from './hsmCopy.ts'
import { MemoryState, newState, type HsmState, type StateStore } from './hsmState.ts'
import { StateFile } from './stateFile.ts'
import { softwareTenancies, TenancyRoots } from './tenancyRoots.ts'
import { backUpVaultKeys, restoreVaultKeys } from './vaultBackup.ts'
import { TenancyHsm } from './tenancyHsm.ts'
import { SoftwareRoots } from './softwareRoots.ts'
import { SoftwareVaultKeys } from './vaultKeys.ts'
import { exportInProcess, importInProcess, processWraps, TRANSPORT_KEY_BITS } from './transferInProcess.ts'

export interface SoftwareHsmOptions {
  readonly region: string
  readonly realm: string
  /** Where the root and the identity live: a file, or a store of the host's. Without either they die with the process. */
  readonly file?: string
  readonly store?: StateStore
  /** How many opened keys are kept. Default 1,000. */
  readonly handleCapacity?: number
  /** Default: OpenSSL's. */
  readonly generateRsa?: RsaGenerator
  /** What making keys may take of the thread pool. Default: the process's. */
  readonly generationShare?: PoolShare
  /** Told of what a copy of this HSM in another thread must follow. */
  readonly onChange?: (change: HsmChange) => void
  /** In a copy: takes what it was told meanwhile, lest a row be newer than what it knows. */
  readonly beforeOpening?: () => void
}

/** An opened vault and from which wrapped KEKs: the same vault is opened once with them and, once destroyed, without. */
interface OpenVault extends Pick<WrappedVaultKeys, 'hsmKek' | 'softwareKek'> {
  readonly keys: SoftwareVaultKeys
}

/** A simulated HSM: the whole port over node:crypto, its root in a file. Calls itself simulated wherever it is named. */
export class SoftwareHsm extends TenancyHsm implements ProvisionedHsm {
  readonly name = simulatedName
  readonly region: string
  readonly identityPublicKey: string
  readonly #identity: KeyObject
  readonly #store: StateStore
  readonly #roots: SoftwareRoots
  readonly #revision: StateRevision
  readonly rotation: RootRotation
  readonly #handles: HandleCache<SoftwareKey>
  readonly #generateRsa: RsaGenerator
  readonly #beforeOpening: (() => void) | undefined
  readonly #share: PoolShare
  readonly #vaults = new LruCache<OpenVault>(1_000)

  /** @throws Error where the state file is unreadable, newer, of another region or open to other users. */
  constructor(options: SoftwareHsmOptions) {
    const { region, realm, file, onChange } = options
    const { handleCapacity = 1_000, generateRsa = generateRsaMaterial, generationShare = keyGenerationShare } = options
    const store = toldState(options.store ?? openStore(region, file), (change) => {
      if (change.kind === 'roots') this.#revision.changed()
      onChange?.(change)
    })
    const identity = createPrivateKey(store.state.identity)
    const identityPublicKey = publicKeyPem(createPublicKey(identity))
    super(realm, new TenancyRoots({ realm, region, publicKey: identityPublicKey }, softwareTenancies(store)))
    this.#store = store
    this.region = region
    this.#share = generationShare
    this.#generateRsa = generateRsa
    this.#beforeOpening = options.beforeOpening
    this.#identity = identity
    this.identityPublicKey = identityPublicKey
    this.#revision = new StateRevision(file, () => store.state.revision ?? 0)
    this.#roots = new SoftwareRoots(store, () => {
      this.#vaults.deleteThoseThat(() => true)
    })
    this.rotation = this.#roots
    const destroy = (key: SoftwareKey) => {
      key.destroy()
    }
    this.#handles = new HandleCache(handleCapacity, destroy, (idStart) => onChange?.({ kind: 'dropped', idStart }))
  }

  /** For a copy in another thread of this process, which makes nothing and signs no statement. */
  copiedState(): HsmState {
    return withoutRootKeys(this.#store.state)
  }

  /** In a copy: what the HSM it was made of has changed since. */
  follow(change: HsmChange): void {
    if (change.kind === 'tenancy') {
      this.tenancies.follow(change.tenancyId, change.tenancy)
      return
    }
    if (change.kind === 'roots') {
      this.#roots.follow(change.roots)
      return
    }
    if (change.kind !== 'dropped') return
    this.#handles.drop(change.idStart)
    // Made or restored again, the vault may have the same row: what was destroyed is not to be found under it.
    this.#vaults.deleteThoseThat((_, { keys }) => keys.followDrop(change.idStart))
  }

  guardState(notes: RevisionNotes): void {
    this.#revision.guard(notes)
  }

  isAnswering(): boolean {
    return true
  }

  selfTest(): Promise<HsmCapabilities> {
    return runSelfTest()
  }

  async createVaultKeys(context: VaultContext): Promise<WrappedVaultKeys> {
    return this.#roots.current.createVaultKeys(context)
  }

  openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys {
    const { realm, tenancyId, vaultId, isPrivate } = context
    const { format, hsmKek, softwareKek, macKey } = wrapped
    const id = JSON.stringify([realm, tenancyId, vaultId, isPrivate, format, macKey])
    const known = this.#vaults.get(id)
    if (known?.hsmKek === hsmKek && known.softwareKek === softwareKek) return known.keys
    this.#beforeOpening?.()
    const isDestroyed = hsmKek === null && softwareKek === null
    const opened = isDestroyed
      ? this.#roots.current.openMacKey(context, wrapped)
      : this.#roots.current.openVaultKeys(context, wrapped)
    const keys = new SoftwareVaultKeys(context, opened, this.#handles, id, this.#generateRsa, this.#share)
    this.#vaults.set(id, { hsmKek, softwareKek, keys })
    if (isDestroyed) for (const each of [known?.keys, keys]) each?.destroyKeks()
    return keys
  }

  /** A simulated partition is derived from the root: there is nothing to give back. */
  hasPartition(): boolean {
    return false
  }

  releasePartition(): void {
    return
  }

  takenPartitions(): readonly VaultContext[] {
    return []
  }

  whyAway(): undefined {
    return undefined
  }

  proveTokens = async (): Promise<readonly string[]> => []

  awayPartitions(): readonly string[] {
    return []
  }

  close(): void {
    return
  }

  backUpVaultKeys(backup: VaultKeysOf, vault: VaultKeysOf): VaultKeysBackup {
    return backUpVaultKeys(this.#roots.current, backup, vault)
  }

  restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): WrappedVaultKeys {
    return restoreVaultKeys(this.#roots.current, backup, from, saved, to)
  }

  sign(bytes: Uint8Array): Promise<Buffer> {
    return signP384(this.#identity, bytes)
  }

  async createTransportKey(context: TransferContext): Promise<TransportKey> {
    requireThat(context.destination === this.region, 'this region is not its destination')
    const { secret, publicKey } = await this.#share.run(context.vaultId, () => this.#generateRsa(TRANSPORT_KEY_BITS))
    try {
      const challenge = randomBytes(32).toString('base64')
      const fields = { context, transportKeyId: randomUUID(), challenge, publicKey, wraps: processWraps }
      const offer = await signOffer(this, fields)
      return { offer, privateKey: this.#roots.wrappedTransportKey(offer, secret) }
    } finally {
      secret.fill(0)
    }
  }

  async exportVaultKeys(
    context: TransferContext,
    wrapped: WrappedVaultKeys,
    offer: TransportOffer,
  ): Promise<TransferBundle> {
    await requireOffer(this, context, offer)
    const wrap = chooseWrap(offer, processWraps)
    const of = { context, wrapped, recipient: offer.publicKey, wrap }
    return signBundle(this, offer, wrap, exportInProcess(this.#roots.current, of))
  }

  async importVaultKeys(
    context: TransferContext,
    bundle: TransferBundle,
    transportKey: TransportKey,
  ): Promise<WrappedVaultKeys> {
    const wrap = await requireBundle(this, context, bundle, transportKey.offer)
    const pkcs8 = this.#roots.transportKey(transportKey)
    requireThat(pkcs8 !== undefined, 'the transport key was not made by this HSM for this offer')
    return importInProcess(this.#roots.current, { context, bundle, pkcs8, wrap })
  }
}

function openStore(region: string, file: string | undefined): StateStore {
  return file === undefined ? new MemoryState(newState(region)) : new StateFile(region, file)
}

export function openSoftwareHsm(options: SoftwareHsmOptions): SoftwareHsm {
  return new SoftwareHsm(options)
}
