import { ciphertextMaterialId } from '../formats/ciphertext.ts'
import { TrustedStatements } from '../formats/statement.ts'
import type { RegionStatement, VaultContext, VaultKeys, WrappedVaultKeys } from '../hsm.ts'
import { isP384Signature } from '../primitives/p384.ts'
import type { TenancyRoots } from './tenancyRoots.ts'

/** What every backend does alike, wherever its keys live: whom the region knows, and whose word it takes. */
export abstract class TenancyHsm {
  protected readonly tenancies: TenancyRoots
  readonly #statements: TrustedStatements

  constructor(realm: string, tenancies: TenancyRoots) {
    this.tenancies = tenancies
    this.#statements = new TrustedStatements(realm, (tenancyId) => tenancies.trustRoot(tenancyId))
  }

  abstract openVault(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys

  /** A row of keys of which the MAC key alone is left. What is open of the vault is closed. */
  withoutKeks(context: VaultContext, { format, macKey }: WrappedVaultKeys): WrappedVaultKeys {
    const destroyed = { format, hsmKek: null, softwareKek: null, macKey }
    this.openVault(context, destroyed)
    return destroyed
  }

  ciphertextMaterialId(ciphertext: Uint8Array): string | undefined {
    return ciphertextMaterialId(ciphertext)
  }

  statement(tenancyId: string): RegionStatement {
    return this.tenancies.statement(tenancyId)
  }

  trustRoot(tenancyId: string): string {
    return this.tenancies.trustRootPem(tenancyId)
  }

  identityHead(tenancyId: string): number {
    return this.tenancies.identityHead(tenancyId)
  }

  advanceIdentityHead(tenancyId: string, seq: number): void {
    this.tenancies.advanceIdentityHead(tenancyId, seq)
  }

  async isSignedBy(statement: RegionStatement, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const signer = await this.#statements.signerOf(statement)
    return signer !== undefined && isP384Signature(signer, bytes, signature)
  }

  createTenancyRoot(tenancyId: string): string {
    return this.tenancies.create(tenancyId)
  }

  issueStatement(tenancyId: string, region: string, publicKeyPem: string): RegionStatement {
    return this.tenancies.issue(tenancyId, region, publicKeyPem)
  }

  acceptStatement(trustRootPem: string, statement: RegionStatement): Promise<void> {
    return this.tenancies.accept(trustRootPem, statement)
  }
}
