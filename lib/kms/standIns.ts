import type { VaultKeys } from '../hsm/hsm.ts'
import type { KeyRow, VaultRow } from './rows/rows.ts'

/** OCIDs that nothing has: their unique part is shorter than any that is made. */
export const absentVaultId = 'ocid1.vault.oc1..absent'
export const absentKeyId = 'ocid1.key.oc1..absent'

type Ordinary = Pick<VaultRow | KeyRow, 'id' | 'lifecycleState' | 'freeformTags' | 'definedTags'>

/**
 * A vault and a key that were read before. Where somebody asks for what is not there they are read in its place, so that the
 * refusal takes as long as of what is there (lib/http/evenRefusal.ts). Nothing is told of them.
 */
export class StandIns {
  #vault: Pick<VaultRow, 'id'> | undefined
  /** The keys are the HSM's to keep or to forget. */
  #key: { readonly id: string; readonly keys: WeakRef<VaultKeys> } | undefined
  #isVaultOrdinary = false
  #isKeyOrdinary = false

  get vaultId(): string {
    return this.#vault?.id ?? absentVaultId
  }

  get key(): { readonly id: string; readonly keys: VaultKeys } | undefined {
    const keys = this.#key?.keys.deref()
    return this.#key === undefined || keys === undefined ? undefined : { id: this.#key.id, keys }
  }

  sawVault(row: VaultRow): void {
    if (this.#isVaultOrdinary || row.lifecycleState === 'DELETED') return
    this.#vault = { id: row.id }
    this.#isVaultOrdinary = isOrdinary(row)
  }

  sawKey(row: KeyRow, keys: VaultKeys): void {
    if ((this.#isKeyOrdinary && this.key !== undefined) || row.lifecycleState === 'DELETED') return
    this.#key = { id: row.id, keys: new WeakRef(keys) }
    this.#isKeyOrdinary = isOrdinary(row)
  }

  /** It is no longer what it was taken for: the next that is read takes its place. */
  forgetVault(): void {
    this.#vault = undefined
    this.#isVaultOrdinary = false
  }

  forgetKey(): void {
    this.#key = undefined
    this.#isKeyOrdinary = false
  }
}

/** Whoever may make vaults does not choose by a long row how long refusals take. */
function isOrdinary({ freeformTags, definedTags }: Ordinary): boolean {
  return Object.keys(freeformTags).length + Object.keys(definedTags).length === 0
}
