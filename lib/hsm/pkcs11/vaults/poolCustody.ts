import { isKmsError } from '../../../errors.ts'
import { UserError } from '../../../userError.ts'
import { isProven } from '../keys/provenToken.ts'
import { recoveryPemIn } from '../roots/recoverable.ts'
import { partitionToken, type VaultToken } from '../roots/regionToken.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'

/**
 * Which tokens of a pool are not of the custodians for whom the region's was made, as those that a ceremony left which did not end,
 * or are half made: they are given to no vault, whose keys would have no copy, so that no backup of the region could be made.
 */
export class PoolCustody {
  readonly #region: VaultToken
  readonly #foreign = new Set<string>()

  constructor(region: VaultToken) {
    this.#region = region
  }

  /** By when it was looked at last. */
  isForeign(label: string): boolean {
    return this.#foreign.has(label)
  }

  isOurs(token: VaultToken): boolean {
    const custodians = this.#custodians()
    const isOurs = custodians === undefined || token.run(recoveryPemIn) === custodians
    if (!isOurs) this.#foreign.add(token.label)
    return isOurs
  }

  /** Those that no vault has, by their labels. */
  look(labels: readonly string[], options: TokenOptions): void {
    const custodians = this.#custodians()
    for (const label of labels) {
      try {
        const isFit = partitionToken({ ...options, label }).bare(
          (session) =>
            isProven(session, 'vault') && (custodians === undefined || recoveryPemIn(session) === custodians),
        )
        if (!isFit) this.#foreign.add(label)
      } catch (cause) {
        if (cause instanceof UserError) this.#foreign.add(label)
        else if (!isKmsError(cause, 'unavailable')) throw cause
      }
    }
  }

  /** PEM of their key; undefined where there is none, or it is gone. */
  #custodians(): string | undefined {
    try {
      return this.#region.run(recoveryPemIn)
    } catch (cause) {
      if (cause instanceof UserError) return undefined
      throw cause
    }
  }
}
