import { createPublicKey, randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import type { AttestedToken } from '../formats/attestation.ts'
import { chooseWrap, requireBundle, requireOffer, requireThat, signBundle, signOffer } from '../formats/transfer.ts'
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
import type { HsmChange } from '../software/hsmCopy.ts'
import { keyGenerationShare, type PoolShare } from '../software/poolShare.ts'
import { runSelfTest } from '../software/selfTest.ts'
import { TenancyRoots } from '../software/tenancyRoots.ts'
import { TenancyHsm } from '../software/tenancyHsm.ts'
import { VAULT_KEY_LENGTH } from '../software/vaultRoot.ts'
import { describeToken } from './roots/attest.ts'
import { backUpInToken, restoreInToken } from './keys/backupInToken.ts'
import { newKekBlob } from './keys/hsmKek.ts'
import type { CopiedTokenHsm, Pkcs11HsmOptions } from './roots/pkcs11HsmOptions.ts'
import { requireOwnTokens } from './ceremony/ownTokens.ts'
import { KnownRoots } from './roots/knownRoots.ts'
import { openTokenState } from './roots/openTokenState.ts'
import { ecPublicKey } from './token/publicKeys.ts'
import { hasPartition, Partitions, type PartitionCounts } from './vaults/partitions.ts'
import { regionToken, type RegionToken, type VaultTokenObjects } from './roots/regionToken.ts'
import { TokenRotation } from './vaults/rotation.ts'
import type { TokenOptions } from './roots/tokenOptions.ts'
import { tokenRoots } from './keys/tokenRoots.ts'
import type { TokenState } from './roots/tokenState.ts'
import { signAsRegion } from './keys/signAsRegion.ts'
import { isAnswering, lookFor } from './keys/tokenProof.ts'
import { VaultKeeper } from './keys/vaultKeeper.ts'
import { TokenVaults } from './vaults/tokenVaults.ts'
import { selfTestOfToken } from './token/selfTestOfToken.ts'
import { exportInToken, importInToken, requireKeeper, wrappedTransportPair } from './keys/transferInToken.ts'

/** A region's HSM over a PKCS#11 token: what docs/hsm.md says stays inside does. */
export class Pkcs11Hsm extends TenancyHsm implements ProvisionedHsm {
  readonly region: string
  readonly name: string
  readonly identityPublicKey: string
  readonly #identityKey: KeyObject
  readonly #token: RegionToken
  readonly #keeper: VaultKeeper
  readonly #partitions: Partitions
  readonly #state: TokenState
  readonly rotation: RootRotation
  readonly #vaults: TokenVaults
  readonly #options: Pkcs11HsmOptions
  readonly #share: PoolShare

  /** @throws UserError where the token is not there, refuses the PIN or was not made by hsm init. */
  constructor(options: Pkcs11HsmOptions) {
    const { region, realm, file, generationShare = keyGenerationShare, copy, onChange } = options
    // Which roots are whose is known before any is looked for.
    const known =
      options.token.known ?? (copy === undefined ? KnownRoots.in(file) : new KnownRoots(copy.of.state.rootChecks))
    const tokenOptions = { ...options.token, known }
    const token = regionToken(tokenOptions)
    // A copy connects when it is first asked: the token may be away when its thread is started.
    if (copy === undefined) token.open()
    const keeper = new VaultKeeper(token)
    const identityPublicKey =
      copy?.of.identityPublicKey ??
      publicKeyPem(token.run((session, { identityPublic }) => ecPublicKey(session, identityPublic, 'NIST_P384')))
    const state = openTokenState({ region, token, known, file, onChange, copied: copy?.of.state })
    super(realm, new TenancyRoots({ realm, region, publicKey: identityPublicKey }, state, tokenRoots(token)))
    this.region = region
    this.#options = { ...options, token: tokenOptions }
    this.#share = generationShare
    this.#token = token
    this.name = copy?.of.name ?? `PKCS#11 token ${token.label} (${token.model()})`
    this.identityPublicKey = identityPublicKey
    this.#identityKey = createPublicKey(identityPublicKey)
    this.#keeper = keeper
    this.#partitions = new Partitions(tokenOptions, keeper, state, copy !== undefined)
    this.#vaults = new TokenVaults({ keeper, partitions: this.#partitions, options, share: generationShare })
    this.#state = state
    this.rotation = new TokenRotation({
      keeper,
      partitions: this.#partitions,
      state,
      known,
      keeperOf: (context, wrapped) => this.#vaults.keeperOf(context, wrapped),
      onEnd: () => {
        this.#vaults.closeAll()
      },
      requireOwn: () => {
        requireOwnTokens(tokenOptions, false)
      },
      onRoots: (label, isEnded) => onChange?.({ kind: 'tokenRoots', label, isEnded, known: known.of(label) }),
    })
  }

  get tokenOptions(): TokenOptions {
    return this.#options.token
  }

  /** Of its token. */
  get label(): string {
    return this.#token.label
  }

  /** For a copy in another thread of this process, which uses keys and makes none. */
  copied(): CopiedTokenHsm {
    return { name: this.name, identityPublicKey: this.identityPublicKey, state: this.#state.copied() }
  }

  /** In a copy: what the HSM it was made of has changed since. */
  follow(change: HsmChange): void {
    if (change.kind === 'tenancy') this.tenancies.follow(change.tenancyId, change.tenancy)
    else if (change.kind === 'dropped') this.#vaults.followDrop(change.idStart)
    else if (change.kind === 'partition') {
      this.#state.followPartition(change.label, change.entry)
      this.#partitions.followEntry(change.label)
    } else if (change.kind === 'tokenRoots') this.#followRoots(change)
  }

  #followRoots({ label, isEnded, known }: Extract<HsmChange, { kind: 'tokenRoots' }>): void {
    this.#options.token.known?.set(label, known)
    // Those that end are there still.
    const newest = <T extends VaultTokenObjects>(objects: T): T => ({ ...objects, roots: [objects.roots[0]] })
    if (label === this.#token.label) this.#token.followObjects(isEnded ? newest : undefined)
    else this.#partitions.tokenOf(label)?.followObjects(isEnded ? newest : undefined)
    if (isEnded) this.#vaults.closeAll()
  }

  guardState(notes: RevisionNotes): void {
    this.#state.guarded.guard(notes)
    this.#state.keepKnown()
    this.#partitions.settle()
  }

  isAnswering(): boolean {
    return isAnswering(this.#token)
  }

  async selfTest(): Promise<HsmCapabilities> {
    const { shapes } = await runSelfTest()
    await this.#options.token.module.turn.unhurried(() => selfTestOfToken(this))
    return { name: this.name, isSimulated: false, shapes }
  }

  async createVaultKeys(context: VaultContext): Promise<WrappedVaultKeys> {
    return this.#token.loop.asRequest(() => {
      const keeper = this.#newKeeper(context)
      return keeper.wrapped(context, keeper.token.run(newKekBlob), () => randomBytes(VAULT_KEY_LENGTH))
    })
  }

  openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys {
    return this.#vaults.open(context, wrapped)
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

  async proveTokens(): Promise<readonly string[]> {
    await this.#partitions.prove()
    return this.#partitions.away()
  }

  whyAway(partition: string): string | undefined {
    return this.#partitions.whyAway(partition)
  }

  /** Labels of all tokens that did not answer when they were needed last, and do not now. */
  awayTokens(): readonly string[] {
    return [...(this.#token.isAway && !isAnswering(this.#token) ? [this.#token.label] : []), ...this.#partitions.away()]
  }

  /** Of tokens that are away in a copy: they are looked for again. */
  lookAgain(labels: readonly string[]): void {
    if (labels.includes(this.#token.label)) lookFor(this.#token)
    this.#partitions.lookAgain(labels)
  }

  partitionCounts(): PartitionCounts {
    return this.#partitions.counts()
  }

  backUpVaultKeys(backup: VaultKeysOf, vault: VaultKeysOf): VaultKeysBackup {
    const keepers = {
      backup: this.#vaults.keeperOf(backup.context, backup.wrapped),
      vault: this.#vaults.keeperOf(vault.context, vault.wrapped),
    }
    this.#token.loop.requireTurn()
    return this.#token.loop.inTurn(() => backUpInToken(keepers, backup, vault))
  }

  async restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): Promise<WrappedVaultKeys> {
    const keepers = { backup: this.#vaults.keeperOf(backup.context, backup.wrapped), to: () => this.#newKeeper(to) }
    return this.#token.loop.asRequest(() => restoreInToken(keepers, { backup, from, saved, to }))
  }

  sign(bytes: Uint8Array): Promise<Buffer> {
    return signAsRegion(this.#token, this.#identityKey, bytes)
  }

  async createTransportKey(context: TransferContext): Promise<TransportKey> {
    requireThat(context.destination === this.region, 'this region is not its destination')
    const keeper = this.#newKeeper(context)
    const { blob, publicKey, wraps } = await this.#share.run(context.vaultId, () =>
      keeper.token.onThread((session, objects) => wrappedTransportPair(session, objects, this.#options.generateRsa)),
    )
    const challenge = randomBytes(32).toString('base64')
    const fields = { context, transportKeyId: randomUUID(), challenge, publicKey, wraps, keeper: 'token' } as const
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
    const keeper = this.#vaults.keeperOf(context, wrapped)
    keeper.token.loop.requireTurn()
    const bundled = keeper.token.runInTurn((session, objects) => {
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
    const wrap = await requireBundle(this, context, bundle, offer)
    return this.#token.loop.asRequest(() => {
      const keeper = this.#newKeeper(context)
      const transportKey = keeper.transportKey(offer, privateKey)
      requireThat(transportKey !== undefined, 'the transport key was not made by this HSM for this offer')
      const taken = { context, bundle, transportKey, wrap }
      return keeper.token.run((session, objects) => importInToken(session, objects, keeper, taken))
    })
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
