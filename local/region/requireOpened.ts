import { existsSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import type { Hsm } from '../../lib/hsm/hsm.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { VaultCache } from '../../lib/kms/vaultCache.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { UserError } from '../../lib/userError.ts'
import { heldVaults } from './heldVaults.ts'

interface Opened {
  readonly region: string
  /** The region's rows. */
  readonly file: string
  readonly tenancyId: string
  readonly hsm: Hsm & Pick<ProvisionedHsm, 'awayPartitions' | 'whyAway'>
  /** Private vaults whose tokens were not to be restored. */
  readonly leftOut?: readonly { readonly label: string; readonly vaultId: string }[]
}

const older =
  'The backup is older than their tokens, which were made anew since, or of another cloud: delete the tokens that were made, and restore a newer backup, or the rows of its time with it.'

/**
 * Every vault whose rows are there opens in the HSM that was restored. A label alone does not tell a private vault's token from
 * one of that label that was made anew since the backup. @throws UserError that names the vaults
 */
export async function requireOpened({ region, file, tenancyId, hsm, leftOut = [] }: Opened): Promise<void> {
  if (!existsSync(file)) return
  const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
  try {
    const { tables } = store
    const cache = new VaultCache({ tables, hsm, clock: Date.now }, 0, 1)
    const { unverified, unopened } = await heldVaults({ tables, cache, region }, tenancyId)
    // Their rows verify, for that takes the region's token alone.
    const away = hsm.awayPartitions().filter((each) => !leftOut.some(({ label }) => label === each))
    const wrong = away.flatMap((label) => hsm.whyAway(label) ?? [])
    if (wrong.length > 0)
      throw new UserError(
        `The tokens were made, and not all of ${region} open for their vaults: ${away.join(', ')}. ${wrong.join(' ')} ${older}`,
      )
    if (unopened.length > 0 || away.length > 0)
      throw new UserError(
        `The tokens were made, and a token of ${region} does not answer now${away.length > 0 ? ` (${away.join(', ')})` : ''}: whether its vaults open was not seen. See what hsm status says, then run hsm restore again.`,
      )
    if (unverified.length === 0) return
    throw new UserError(
      `The tokens were made, and do not open these vaults of ${region}: ${unverified.join(', ')}. ${older}`,
    )
  } finally {
    store.close()
  }
}
