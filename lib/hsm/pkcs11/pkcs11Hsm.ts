import { createPublicKey, hash, randomBytes, randomUUID } from 'node:crypto'
import { isKmsError } from '../../errors.ts'
import { LruCache } from '../../lruCache.ts'
import { requireFormat } from '../../requireFormat.ts'
import type { AttestedToken } from '../formats/attestation.ts'
import {
  chooseWrap,
  requireBundle,
  requireOffer,
  requireThat,
  signBundle,
  signOffer,
  wrapOf,
} from '../formats/transfer.ts'
import type {
  HsmCapabilities,
  OaepWrap,
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
import type { RevisionNotes } from '../stateRevision.ts'
import { publicKeyPem } from '../primitives/p384.ts'
import { HandleCache } from '../software/handleCache.ts'
import { keyGenerationShare, type PoolShare } from '../software/poolShare.ts'
import { runSelfTest } from '../software/selfTest.ts'
import type { SoftwareKey } from '../software/softwareKey.ts'
import { TenancyRoots } from '../software/tenancyRoots.ts'
import { TenancyHsm } from '../software/tenancyHsm.ts'
import { SoftwareVaultKeys, type HeldVaultKeys } from '../software/vaultKeys.ts'
import { notOurs, VAULT_KEY_LENGTH } from '../software/vaultRoot.ts'
import { describeToken } from './attest.ts'
import { AwayVaultKeys } from './awayVaultKeys.ts'
import { backUpInToken, restoreInToken } from './backupInToken.ts'
import { newKekBlob } from './hsmKek.ts'
import type { Pkcs11HsmOptions } from './pkcs11HsmOptions.ts'
import { derSignature, ecPublicKey } from './publicKeys.ts'
import { hasPartition, Partitions, type PartitionCounts } from './partitions.ts'
import { isAnswering, macRootOf, regionToken, type RegionToken } from './regionToken.ts'
import { TokenRotation } from './rotation.ts'
import { tokenRoots } from './tokenRoots.ts'
import { TokenState } from './tokenState.ts'
import { ecdsa } from './tokenKey.ts'
import { TokenVaultKeys } from './tokenVaultKeys.ts'
import { partitionFormat, regionFormat, VaultKeeper } from './vaultKeeper.ts'
import { selfTestOfToken } from './selfTestOfToken.ts'
import { exportInToken, importInToken, requireKeeper, wrappedTransportPair } from './transferInToken.ts'

interface OpenVault extends Pick<WrappedVaultKeys, 'hsmKek' | 'softwareKek'> {
  readonly keys: TokenVaultKeys
}

/** A region's HSM over a PKCS#11 token: what docs/hsm.md says stays inside does. */
export class Pkcs11Hsm extends TenancyHsm implements ProvisionedHsm {
  readonly region: string
  readonly name: string
  readonly identityPublicKey: string
  readonly #token: RegionToken
  readonly #keeper: VaultKeeper
  readonly #partitions: Partitions
  readonly #state: TokenState
  readonly rotation: RootRotation
  readonly #handles: HandleCache<SoftwareKey>
  readonly #options: Pkcs11HsmOptions
  readonly #share: PoolShare
  readonly #vaults = new LruCache<OpenVault>(1_000, ({ keys }) => {
    keys.release()
  })

  /** @throws UserError where the token is not there, refuses the PIN or was not made by hsm init. */
  constructor(options: Pkcs11HsmOptions) {
    const { region, realm, file, token: tokenOptions, generationShare = keyGenerationShare } = options
    const token = regionToken(tokenOptions)
    token.open()
    const keeper = new VaultKeeper(token)
    const identityPublicKey = publicKeyPem(
      token.run((session, { identityPublic }) => ecPublicKey(session, identityPublic, 'NIST_P384')),
    )
    const state = new TokenState(region, token.label, file, () =>
      keeper.generations().map((generation) => macRootOf(token, generation)),
    )
    super(realm, new TenancyRoots({ realm, region, publicKey: identityPublicKey }, state, tokenRoots(token)))
    this.region = region
    this.#options = options
    this.#share = generationShare
    this.#token = token
    this.name = `PKCS#11 token ${token.label} (${token.model()})`
    this.identityPublicKey = identityPublicKey
    this.#keeper = keeper
    this.#partitions = new Partitions(tokenOptions, keeper, state)
    this.#state = state
    this.rotation = new TokenRotation({
      keeper,
      partitions: this.#partitions,
      state,
      keeperOf: (context, wrapped) => this.#keeperOf(context, wrapped),
      onEnd: () => {
        this.#vaults.deleteThoseThat(() => true)
      },
    })
    this.#handles = new HandleCache(options.handleCapacity ?? 1_000, (key: SoftwareKey) => {
      key.destroy()
    })
  }

  guardState(notes: RevisionNotes): void {
    this.#state.guarded.guard(notes)
    this.#partitions.settle()
  }

  isAnswering(): boolean {
    return isAnswering(this.#token)
  }

  async selfTest(): Promise<HsmCapabilities> {
    const { shapes } = await runSelfTest()
    await selfTestOfToken(this)
    return { name: this.name, isSimulated: false, shapes }
  }

  async createVaultKeys(context: VaultContext): Promise<WrappedVaultKeys> {
    const keeper = this.#newKeeper(context)
    return keeper.wrapped(context, keeper.token.run(newKekBlob), () => randomBytes(VAULT_KEY_LENGTH))
  }

  openVault(context: VaultContext, wrapped: WrappedVaultKeys, isReopened = false): VaultKeys {
    const { realm, tenancyId, vaultId, isPrivate } = context
    const { format, hsmKek, softwareKek, macKey } = wrapped
    const id = JSON.stringify([realm, tenancyId, vaultId, isPrivate, format, macKey])
    const known = this.#vaults.get(id)
    if (known?.hsmKek === hsmKek && known.softwareKek === softwareKek) return known.keys
    const isDestroyed = hsmKek === null && softwareKek === null
    let keys: TokenVaultKeys
    try {
      keys = this.#open(context, wrapped, id, isDestroyed)
    } catch (cause) {
      if (!isKmsError(cause, 'unavailable') || wrapped.format !== partitionFormat || isReopened) throw cause
      const held = this.#held(context, { macKey: this.#keeper.heldKey(context, 'macKey', macKey) }, id)
      return new AwayVaultKeys(held, () => this.openVault(context, wrapped, true))
    }
    this.#vaults.set(id, { hsmKek, softwareKek, keys })
    if (isDestroyed) for (const each of [known?.keys, keys]) each?.destroyKeks()
    return keys
  }

  #open(context: VaultContext, wrapped: WrappedVaultKeys, id: string, isDestroyed: boolean): TokenVaultKeys {
    const keeper = isDestroyed ? this.#keeper : this.#keeperOf(context, wrapped)
    const macKey = keeper.heldKey(context, 'macKey', wrapped.macKey)
    const keys = isDestroyed
      ? { macKey }
      : { macKey, softwareKek: keeper.heldKey(context, 'softwareKek', wrapped.softwareKek) }
    const kek = isDestroyed ? undefined : keeper.kek(context, wrapped.hsmKek)
    // Opened once at once, so that a row that is not ours is refused here.
    if (kek !== undefined) keeper.token.run((session, objects) => kek.handle(session, objects))
    const { generateRsa } = this.#options
    const held = this.#held(context, keys, id)
    const [{ token }, handles, share] = [keeper, this.#handles, this.#share]
    return new TokenVaultKeys({ token, context, held, kek, handles, share, generateRsa })
  }

  #held(context: VaultContext, keys: HeldVaultKeys, id: string): SoftwareVaultKeys {
    return new SoftwareVaultKeys(context, keys, this.#handles, id, this.#options.generateRsa, this.#share)
  }

  /** Where the keys of a row are. @throws KmsError integrityFailure */
  #keeperOf(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeeper {
    if (wrapped.format !== partitionFormat) {
      requireFormat('A row of wrapped vault keys', wrapped, regionFormat)
      return this.#keeper
    }
    const own = this.#partitions.of(context)
    if (own === undefined) throw notOurs(context)
    return own
  }

  /** Where keys that come now go. @throws KmsError limitExceeded */
  #newKeeper(context: VaultContext): VaultKeeper {
    return hasPartition(context) ? this.#partitions.take(context) : this.#keeper
  }

  hasPartition(context: VaultContext): boolean {
    return this.#partitions.of(context) !== undefined
  }

  releasePartition(context: VaultContext, why: 'neverWas' | 'isDeleted'): void {
    this.#partitions.release(context, why)
  }

  takenPartitions(): readonly VaultContext[] {
    return this.#partitions.taken()
  }

  /** The region's, then its pool's. */
  describeTokens(): readonly AttestedToken[] {
    return [this.#token.run((session) => describeToken(session, this.#token.info())), ...this.#partitions.describe()]
  }

  awayPartitions(): readonly string[] {
    return this.#partitions.away()
  }

  partitionCounts(): PartitionCounts {
    return this.#partitions.counts()
  }

  backUpVaultKeys(backup: VaultKeysOf, vault: VaultKeysOf): VaultKeysBackup {
    const keepers = {
      backup: this.#keeperOf(backup.context, backup.wrapped),
      vault: this.#keeperOf(vault.context, vault.wrapped),
    }
    return backUpInToken(keepers, backup, vault)
  }

  restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): WrappedVaultKeys {
    const keepers = { backup: this.#keeperOf(backup.context, backup.wrapped), to: () => this.#newKeeper(to) }
    return restoreInToken(keepers, { backup, from, saved, to })
  }

  async sign(bytes: Uint8Array): Promise<Buffer> {
    const digest = hash('sha384', bytes, 'buffer')
    return derSignature(
      await this.#token.onThread((session, { identity }) => session.signOnThread(ecdsa, identity, digest)),
    )
  }

  async createTransportKey(context: TransferContext): Promise<TransportKey> {
    requireThat(context.destination === this.region, 'this region is not its destination')
    const keeper = this.#newKeeper(context)
    const { blob, publicKey, wraps } = await this.#share.run(context.vaultId, () =>
      keeper.token.onThread((session, objects) => wrappedTransportPair(session, objects, this.#options.generateRsa)),
    )
    const fields = {
      context,
      transportKeyId: randomUUID(),
      challenge: randomBytes(32).toString('base64'),
      publicKey,
      wraps,
      keeper: 'token',
    } as const
    const offer = await signOffer(this, fields)
    return { offer, privateKey: keeper.boundTransportKey(offer, blob) }
  }

  async exportVaultKeys(
    context: TransferContext,
    wrapped: WrappedVaultKeys,
    offer: TransportOffer,
  ): Promise<TransferBundle> {
    await requireOffer(this, context, offer)
    requireKeeper(offer, this.#options)
    createPublicKey(offer.publicKey)
    const keeper = this.#keeperOf(context, wrapped)
    const bundled = keeper.token.run((session, objects) => {
      const wrap = chooseWrap(offer, objects.wraps)
      const recipient = offer.publicKey
      return { wrap, of: exportInToken(session, objects, keeper, { context, wrapped, recipient, wrap }) }
    })
    return signBundle(this, offer, bundled.wrap, bundled.of)
  }

  async importVaultKeys(
    context: TransferContext,
    bundle: TransferBundle,
    { offer, privateKey }: TransportKey,
  ): Promise<WrappedVaultKeys> {
    await requireBundle(this, context, bundle, offer)
    const keeper = this.#newKeeper(context)
    const transportKey = keeper.transportKey(offer, privateKey)
    requireThat(transportKey !== undefined, 'the transport key was not made by this HSM for this offer')
    return keeper.token.run((session, objects) =>
      importInToken(session, objects, keeper, { context, bundle, transportKey, wrap: wrapOf(bundle, offer) }),
    )
  }

  /** By which OAEP a wrapped key opens inside the token. */
  get wraps(): readonly OaepWrap[] {
    return this.#token.run((_session, { wraps }) => wraps)
  }

  close(): void {
    this.#partitions.close()
    this.#token.close()
  }
}

export function openPkcs11Hsm(options: Pkcs11HsmOptions): Pkcs11Hsm {
  return new Pkcs11Hsm(options)
}
