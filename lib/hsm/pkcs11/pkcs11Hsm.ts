import { createPublicKey, hash, randomBytes, randomUUID } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import { LruCache } from '../../lruCache.ts'
import { ciphertextMaterialId } from '../formats/ciphertext.ts'
import { TrustedStatements } from '../formats/statement.ts'
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
  ProvisionedHsm,
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
} from '../hsm.ts'
import { isP384Signature, publicKeyPem } from '../primitives/p384.ts'
import { HandleCache } from '../software/handleCache.ts'
import type { RsaGenerator } from '../software/material.ts'
import { keyGenerationShare, type PoolShare } from '../software/poolShare.ts'
import { runSelfTest } from '../software/selfTest.ts'
import type { SoftwareKey } from '../software/softwareKey.ts'
import { TenancyRoots } from '../software/tenancyRoots.ts'
import { SoftwareVaultKeys } from '../software/vaultKeys.ts'
import { VAULT_KEY_LENGTH } from '../software/vaultRoot.ts'
import { backUpInToken, restoreInToken } from './backupInToken.ts'
import { HsmKek, newKekBlob } from './hsmKek.ts'
import { derSignature, ecPublicKey } from './publicKeys.ts'
import { isAnswering, macRootOf, regionToken, type RegionToken } from './regionToken.ts'
import { tokenRoots } from './tokenRoots.ts'
import type { TokenOptions } from './token.ts'
import { TokenState } from './tokenState.ts'
import { ecdsa } from './tokenKey.ts'
import { TokenVaultKeys } from './tokenVaultKeys.ts'
import { TokenVaultRoot } from './tokenVaultRoot.ts'
import { selfTestOfToken } from './selfTestOfToken.ts'
import { exportInToken, importInToken, transportPair } from './transferInToken.ts'

export interface Pkcs11HsmOptions {
  readonly region: string
  readonly realm: string
  readonly token: TokenOptions
  /** Where the tenancies that the region knows are kept; undefined: in memory. */
  readonly file?: string
  /** Whether a vault's keys may go to a region that keeps them in its process. Default false. */
  readonly allowsSoftwareReplicas?: boolean
  /** How many opened keys are kept. Default 1,000. */
  readonly handleCapacity?: number
  /** For tests, which do not wait for a new pair each time; default: the token makes them. */
  readonly generateRsa?: RsaGenerator
  readonly generationShare?: PoolShare
}

interface OpenVault extends Pick<WrappedVaultKeys, 'hsmKek' | 'softwareKek'> {
  readonly keys: TokenVaultKeys
}

/** A region's HSM over a PKCS#11 token: what docs/hsm.md says stays inside does. */
export class Pkcs11Hsm implements ProvisionedHsm {
  readonly region: string
  readonly name: string
  readonly identityPublicKey: string
  readonly #token: RegionToken
  readonly #root: TokenVaultRoot
  readonly #tenancies: TenancyRoots
  readonly #statements: TrustedStatements
  readonly #handles: HandleCache<SoftwareKey>
  readonly #options: Pkcs11HsmOptions
  readonly #share: PoolShare
  readonly #vaults = new LruCache<OpenVault>(1_000, ({ keys }) => {
    keys.release()
  })

  /** @throws UserError where the token is not there, refuses the PIN or was not made by hsm init. */
  constructor(options: Pkcs11HsmOptions) {
    const { region, realm, file, token: tokenOptions, generationShare = keyGenerationShare } = options
    this.region = region
    this.#options = options
    this.#share = generationShare
    const token = regionToken(tokenOptions)
    token.open()
    this.#token = token
    this.name = `PKCS#11 token ${token.label} (${token.model()})`
    this.identityPublicKey = publicKeyPem(
      token.run((session, { identityPublic }) => ecPublicKey(session, identityPublic, 'NIST_P384')),
    )
    const mac = macRootOf(token)
    this.#root = new TokenVaultRoot(mac)
    const owner = { realm, region, publicKey: this.identityPublicKey }
    this.#tenancies = new TenancyRoots(owner, new TokenState(region, token.label, file, mac), tokenRoots(token))
    this.#statements = new TrustedStatements(realm, (tenancyId) => this.#tenancies.trustRoot(tenancyId))
    this.#handles = new HandleCache(options.handleCapacity ?? 1_000, (key: SoftwareKey) => {
      key.destroy()
    })
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
    const blob = this.#token.run(newKekBlob)
    return this.#root.wrapped(context, blob, () => randomBytes(VAULT_KEY_LENGTH))
  }

  openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys {
    const { realm, tenancyId, vaultId, isPrivate } = context
    const { hsmKek, softwareKek, macKey } = wrapped
    const id = JSON.stringify([realm, tenancyId, vaultId, isPrivate, macKey])
    const known = this.#vaults.get(id)
    if (known?.hsmKek === hsmKek && known.softwareKek === softwareKek) return known.keys
    this.#root.requireFormat(wrapped)
    const isDestroyed = hsmKek === null && softwareKek === null
    const keys = this.#open(context, wrapped, id, isDestroyed)
    this.#vaults.set(id, { hsmKek, softwareKek, keys })
    if (isDestroyed) for (const each of [known?.keys, keys]) each?.destroyKeks()
    return keys
  }

  #open(context: VaultContext, wrapped: WrappedVaultKeys, id: string, isDestroyed: boolean): TokenVaultKeys {
    const { held: root } = this.#root
    const macKey = root.openVaultKey(context, 'macKey', wrapped.macKey)
    const keys = isDestroyed
      ? { macKey }
      : { macKey, softwareKek: root.openVaultKey(context, 'softwareKek', wrapped.softwareKek) }
    const kek = isDestroyed ? undefined : this.#openKek(context, wrapped)
    const { generateRsa } = this.#options
    const held = new SoftwareVaultKeys(context, keys, this.#handles, id, generateRsa, this.#share)
    const [token, handles, share] = [this.#token, this.#handles, this.#share]
    return new TokenVaultKeys({ token, context, held, kek, handles, share, generateRsa })
  }

  /** Opened once at once, so that a row that is not ours is refused here. */
  #openKek(context: VaultContext, { hsmKek }: WrappedVaultKeys): HsmKek {
    const blob = this.#root.hsmKekBlob(context, hsmKek)
    const kek = new HsmKek(this.#token, blob, () => this.#root.notOurs(context))
    this.#token.run((session, objects) => kek.handle(session, objects))
    return kek
  }

  withoutKeks(context: VaultContext, { format, macKey }: WrappedVaultKeys): WrappedVaultKeys {
    const destroyed = { format, hsmKek: null, softwareKek: null, macKey }
    this.openVault(context, destroyed)
    return destroyed
  }

  backUpVaultKeys(backup: VaultKeysOf, vault: VaultKeysOf): VaultKeysBackup {
    return backUpInToken(this.#token, this.#root, backup, vault)
  }

  restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): WrappedVaultKeys {
    return restoreInToken(this.#token, this.#root, { backup, from, saved, to })
  }

  ciphertextMaterialId(ciphertext: Uint8Array): string | undefined {
    return ciphertextMaterialId(ciphertext)
  }

  statement(tenancyId: string): RegionStatement {
    return this.#tenancies.statement(tenancyId)
  }

  trustRoot(tenancyId: string): string {
    return this.#tenancies.trustRootPem(tenancyId)
  }

  identityHead(tenancyId: string): number {
    return this.#tenancies.identityHead(tenancyId)
  }

  advanceIdentityHead(tenancyId: string, seq: number): void {
    this.#tenancies.advanceIdentityHead(tenancyId, seq)
  }

  async sign(bytes: Uint8Array): Promise<Buffer> {
    const digest = hash('sha384', bytes, 'buffer')
    return derSignature(
      await this.#token.onThread((session, { identity }) => session.signOnThread(ecdsa, identity, digest)),
    )
  }

  async isSignedBy(statement: RegionStatement, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const signer = await this.#statements.signerOf(statement)
    return signer !== undefined && isP384Signature(signer, bytes, signature)
  }

  createTenancyRoot(tenancyId: string): string {
    return this.#tenancies.create(tenancyId)
  }

  issueStatement(tenancyId: string, region: string, publicKeyPem: string): RegionStatement {
    return this.#tenancies.issue(tenancyId, region, publicKeyPem)
  }

  acceptStatement(trustRootPem: string, statement: RegionStatement): Promise<void> {
    return this.#tenancies.accept(trustRootPem, statement)
  }

  async createTransportKey(context: TransferContext): Promise<TransportKey> {
    requireThat(context.destination === this.region, 'this region is not its destination')
    const { blob, publicKey, wraps } = await this.#share.run(context.vaultId, () =>
      this.#token.onThread(async (session, objects) => {
        const { handle, publicKey } = await transportPair(session, objects, this.#options.generateRsa)
        const blob = session.wrap(objects.kwp, objects.wrappingRoot, handle)
        session.destroy(handle)
        return { blob, publicKey: publicKeyPem(publicKey), wraps: objects.wraps }
      }),
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
    return { offer, privateKey: this.#root.boundTransportKey(offer, blob) }
  }

  async exportVaultKeys(
    context: TransferContext,
    wrapped: WrappedVaultKeys,
    offer: TransportOffer,
  ): Promise<TransferBundle> {
    await requireOffer(this, context, offer)
    this.#requireKeeper(offer)
    createPublicKey(offer.publicKey)
    const bundled = this.#token.run((session, objects) => {
      const wrap = chooseWrap(offer, objects.wraps)
      const recipient = offer.publicKey
      return { wrap, of: exportInToken(session, objects, this.#root, { context, wrapped, recipient, wrap }) }
    })
    return signBundle(this, offer, bundled.wrap, bundled.of)
  }

  /** What is in a token here does not leave it for a process there, unless whoever runs this says so. */
  #requireKeeper({ keeper, context }: TransportOffer): void {
    if (keeper === 'token' || this.#options.allowsSoftwareReplicas === true) return
    throw new KmsError(
      'integrityFailure',
      `The keys of ${context.vaultId} are in a token, and region ${context.destination} would keep them in its process; PKCS11_SOFTWARE_REPLICAS=on allows that.`,
    )
  }

  async importVaultKeys(
    context: TransferContext,
    bundle: TransferBundle,
    { offer, privateKey }: TransportKey,
  ): Promise<WrappedVaultKeys> {
    await requireBundle(this, context, bundle, offer)
    const transportKey = this.#root.transportKeyBlob(offer, privateKey)
    requireThat(transportKey !== undefined, 'the transport key was not made by this HSM for this offer')
    const wrap = wrapOf(bundle, offer)
    return this.#token.run((session, objects) =>
      importInToken(session, objects, this.#root, { context, bundle, transportKey, wrap }),
    )
  }

  /** By which OAEP a wrapped key opens inside the token. */
  get wraps(): readonly OaepWrap[] {
    return this.#token.run((_session, { wraps }) => wraps)
  }

  close(): void {
    this.#token.close()
  }
}

export function openPkcs11Hsm(options: Pkcs11HsmOptions): Pkcs11Hsm {
  return new Pkcs11Hsm(options)
}
