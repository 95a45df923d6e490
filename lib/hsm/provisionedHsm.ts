import type { Hsm, RegionStatement, VaultContext } from './hsm.ts'

/** What whoever sets up a region asks of its HSM beside. */
export interface ProvisionedHsm extends Hsm {
  /** As the self test says it. */
  readonly name: string
  isAnswering(): boolean
  /** The private vaults that have a partition. */
  takenPartitions(): readonly VaultContext[]
  /** Logs out, where there is anything to log out of. */
  close(): void
  /** PEM SubjectPublicKeyInfo, P-384. */
  readonly identityPublicKey: string
  /** In the home region. Idempotent. Returns the PEM that every other region pins. */
  createTenancyRoot(tenancyId: string): string
  /** In the home region: says that this public key speaks for that region. */
  issueStatement(tenancyId: string, region: string, publicKeyPem: string): RegionStatement
  /** In any region: pins the tenancy's root. Idempotent. @throws KmsError integrityFailure for another root. */
  acceptStatement(trustRootPem: string, statement: RegionStatement): Promise<void>
}
