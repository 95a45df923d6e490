import { KmsError } from '../../lib/errors.ts'
import { unsignedBytes } from '../../lib/hsm/formats/statement.ts'
import { requireBundle, requireOffer, requireThat, signBundle, signOffer } from '../../lib/hsm/formats/transfer.ts'
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
} from '../../lib/hsm/hsm.ts'
import { realm, type RandomBytes } from '../../lib/ocid.ts'
import { mustOpen, openWith, publicPart, sealFor, sealText, tag } from './sealedText.ts'
import { ciphertextMaterialId, SimulatedVaultKeys, type Later } from './simulatedVaultKeys.ts'

export interface SimulatedHsmOptions {
  readonly region: string
  readonly random: RandomBytes
  readonly later: Later
  /** The tenancies that are provisioned here. */
  readonly tenancies: ReadonlySet<string>
  /** What outlives a process: the number of each tenancy's last identity entry. */
  readonly identityHeads: Map<string, number>
}

/** The HSM port without the mathematics: a wrong key, tenancy, vault or region is refused, and so is whatever was altered. */
export class SimulatedHsm implements Hsm {
  readonly region: string
  readonly #options: SimulatedHsmOptions
  readonly #open = new Map<string, VaultKeys>()

  constructor(options: SimulatedHsmOptions) {
    this.region = options.region
    this.#options = options
  }

  async selfTest(): Promise<HsmCapabilities> {
    return { name: 'a simulation', isSimulated: true, shapes: [] }
  }

  async createVaultKeys(context: VaultContext): Promise<WrappedVaultKeys> {
    return this.#options.later('createVaultKeys', () => this.#wrapVaultKeys(context, () => this.#newSecret()))
  }

  openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys {
    const { hsmKek, softwareKek, macKey } = wrapped
    const name = `${textOf(context)} ${String(hsmKek)} ${String(softwareKek)} ${macKey}`
    const known = this.#open.get(name)
    if (known !== undefined) return known
    const secrets = {
      hsmKek: hsmKek === null ? null : this.#unwrapVaultKey(context, 'hsmKek', hsmKek),
      softwareKek: softwareKek === null ? null : this.#unwrapVaultKey(context, 'softwareKek', softwareKek),
      macKey: this.#unwrapVaultKey(context, 'macKey', macKey),
    }
    const keys = new SimulatedVaultKeys(context, secrets, this.#options.later, () => this.#newSecret())
    this.#open.set(name, keys)
    return keys
  }

  withoutKeks(_context: VaultContext, { format, macKey }: WrappedVaultKeys): WrappedVaultKeys {
    return { format, hsmKek: null, softwareKek: null, macKey }
  }

  hasPartition(): boolean {
    return false
  }

  releasePartition(): void {
    return
  }

  backUpVaultKeys(backup: VaultKeysOf, { context, wrapped }: VaultKeysOf): VaultKeysBackup {
    const saving = this.#savingKey(backup, context)
    const saved = mapNames((name) => sealText(saving, name, this.#unwrapVaultKey(context, name, wrapped[name])))
    return { format: 'vaultspan/vault-keys-backup/1', ...saved }
  }

  restoreVaultKeys(
    backup: VaultKeysOf,
    from: VaultContext,
    saved: VaultKeysBackup,
    to: VaultContext,
  ): WrappedVaultKeys {
    const saving = this.#savingKey(backup, from)
    return this.#wrapVaultKeys(to, (name) => mustOpen(saving, name, saved[name]))
  }

  #savingKey({ context, wrapped }: VaultKeysOf, of: VaultContext): string {
    return tag(this.#unwrapVaultKey(context, 'hsmKek', wrapped.hsmKek), 'saves', textOf(of))
  }

  ciphertextMaterialId(ciphertext: Uint8Array): string | undefined {
    return ciphertextMaterialId(ciphertext)
  }

  statement(tenancyId: string): RegionStatement {
    if (!this.#options.tenancies.has(tenancyId)) throw new KmsError('integrityFailure', `${tenancyId} is unknown here.`)
    return statementOf(tenancyId, this.region)
  }

  trustRoot(tenancyId: string): string {
    this.statement(tenancyId)
    return `root of ${tenancyId}`
  }

  identityHead(tenancyId: string): number {
    return this.#options.identityHeads.get(tenancyId) ?? 0
  }

  advanceIdentityHead(tenancyId: string, seq: number): void {
    if (!this.#options.tenancies.has(tenancyId)) return
    this.#options.identityHeads.set(tenancyId, Math.max(seq, this.identityHead(tenancyId)))
  }

  sign(bytes: Uint8Array): Promise<Buffer> {
    return this.#options.later('sign', () => Buffer.from(signatureOf(this.region, bytes)))
  }

  isSignedBy(statement: RegionStatement, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return this.#options.later('isSignedBy', () => {
      const expected = statementOf(statement.tenancyId, statement.region)
      return (
        this.#options.tenancies.has(statement.tenancyId) &&
        isSame(expected, statement) &&
        Buffer.from(signature).toString() === signatureOf(statement.region, bytes)
      )
    })
  }

  async createTransportKey(context: TransferContext): Promise<TransportKey> {
    requireThat(context.destination === this.region, 'this region is not its destination')
    const secret = this.#newSecret()
    const [transportKeyId, challenge] = [this.#newSecret(), this.#newSecret()]
    const offer = await signOffer(this, { context, transportKeyId, challenge, publicKey: publicPart(secret) })
    return { offer, privateKey: sealText(rootOf(this.region), unsignedBytes(offer).toString(), secret) }
  }

  async exportVaultKeys(
    context: TransferContext,
    wrapped: WrappedVaultKeys,
    offer: TransportOffer,
  ): Promise<TransferBundle> {
    await requireOffer(this, context, offer)
    const ephemeral = this.#newSecret()
    const kwp = mapNames((name) => sealText(ephemeral, name, this.#unwrapVaultKey(context, name, wrapped[name])))
    return signBundle(this, offer, 'oaep-sha256', { oaep: sealFor(offer.publicKey, ephemeral), kwp })
  }

  async importVaultKeys(
    context: TransferContext,
    bundle: TransferBundle,
    { offer, privateKey }: TransportKey,
  ): Promise<WrappedVaultKeys> {
    await requireBundle(this, context, bundle, offer)
    const secret = mustOpen(rootOf(this.region), unsignedBytes(offer).toString(), privateKey)
    const ephemeral = openWith(secret, bundle.oaep)
    requireThat(ephemeral !== undefined, 'its ephemeral key does not open')
    return this.#wrapVaultKeys(context, (name) => mustOpen(ephemeral, name, bundle.kwp[name]))
  }

  #wrapVaultKeys(context: VaultContext, secretOf: (name: KeyName) => string): WrappedVaultKeys {
    const sealed = mapNames((name) => sealText(rootOf(this.region), `${name} ${textOf(context)}`, secretOf(name)))
    return { format: 'vaultspan/vault-keys/1', ...sealed }
  }

  #unwrapVaultKey(context: VaultContext, name: KeyName, sealed: string | null): string {
    return mustOpen(rootOf(this.region), `${name} ${textOf(context)}`, sealed)
  }

  #newSecret(): string {
    return Buffer.from(this.#options.random(16)).toString('hex')
  }
}

type KeyName = 'hsmKek' | 'softwareKek' | 'macKey'

function mapNames(of: (name: KeyName) => string): Record<KeyName, string> {
  return { hsmKek: of('hsmKek'), softwareKek: of('softwareKek'), macKey: of('macKey') }
}

function textOf({ tenancyId, vaultId, isPrivate }: VaultContext): string {
  return `${tenancyId} ${vaultId} ${String(isPrivate)}`
}

function rootOf(region: string): string {
  return `root of ${region}`
}

function signatureOf(region: string, bytes: Uint8Array): string {
  return tag(`identity of ${region}`, 'signature', Buffer.from(bytes).toString('latin1'))
}

function isSame(expected: RegionStatement, statement: RegionStatement): boolean {
  const names = Object.keys(expected) as (keyof RegionStatement)[]
  return Object.keys(statement).length === names.length && names.every((name) => expected[name] === statement[name])
}

function statementOf(tenancyId: string, region: string): RegionStatement {
  const publicKey = publicPart(`identity of ${region}`)
  return {
    format: 'vaultspan/region-statement/1',
    realm,
    tenancyId,
    region,
    publicKey,
    signature: tag(`root of ${tenancyId}`, 'statement', `${region} ${publicKey}`),
  }
}
