import type { Hsm, RegionStatement, TransportKey, VaultContext, WrappedVaultKeys } from './hsm.ts'
import type { RevisionNotes } from './stateRevision.ts'

/**
 * A new root, while the region serves: what the former one wrapped opens until the end. Whoever keeps the rows has each
 * wrapped anew, and only then ends it. A crash leaves it under way, and it goes on from where it stands.
 */
export interface RootRotation {
  /** A former root is still there. */
  isRotating(): boolean
  /** Makes the new root; nothing where a former one is still there. What is wrapped from here on is under the new one. */
  begin(): Promise<void>
  /** Under the new root; undefined where it is already. @throws KmsError integrityFailure where neither wrapped it. */
  rewrapVaultKeys(context: VaultContext, wrapped: WrappedVaultKeys): WrappedVaultKeys | undefined
  rewrapTransportKey(transportKey: TransportKey): TransportKey | undefined
  /** The former root is destroyed: nothing that it wrapped opens any more. */
  end(): Promise<void>
}

/** What whoever sets up a region asks of its HSM beside. */
export interface ProvisionedHsm extends Hsm {
  readonly rotation: RootRotation
  /** As the self test says it. */
  readonly name: string
  isAnswering(): boolean
  /**
   * Once, before it serves: its state is not older than the rows beside it, which are told of each change from now on; what a
   * crash left half done in tokens is finished. @throws UserError where the state is an older copy.
   */
  guardState(notes: RevisionNotes): void
  /** The private vaults that have a partition. */
  takenPartitions(): readonly VaultContext[]
  /** Names of private vaults' partitions that were needed and did not answer. */
  awayPartitions(): readonly string[]
  /**
   * At the start: whether each private vault's partition answers, though nobody uses it yet. Resolves with the names of those
   * that do not. Afterwards it is asked again whenever `awayPartitions` is.
   */
  proveTokens(): Promise<readonly string[]>
  /** What a person is to put right about one of them; undefined: nothing more is known. */
  whyAway(partition: string): string | undefined
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
