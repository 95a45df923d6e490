import { KmsError } from '../../lib/errors.ts'
import { eachPage } from '../../lib/kms/rows/pages.ts'
import { vaultIdsIn } from '../../lib/kms/rows/vaultIdsIn.ts'
import type { ScanRequest, Tables } from '../../lib/ports.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'

export interface HeldVault {
  readonly id: string
  readonly prefix: string
  readonly isReplica: boolean
}

/** The vaults and replicas of a tenancy in a region, for whoever runs it. */
export interface HeldVaults {
  readonly vaults: readonly HeldVault[]
  /** Those whose rows do not verify: they were altered, or the HSM has the keys of another state. Nobody can use them. */
  readonly unverified: readonly string[]
}

type HoldingRegion = Pick<Runtime, 'cache' | 'region'> & { readonly tables: Pick<Tables, 'scan'> }

/** One vault that does not verify hides none of the others. */
export async function heldVaults({ tables, cache, region }: HoldingRegion, tenancyId: string): Promise<HeldVaults> {
  const vaults: HeldVault[] = []
  const unverified: string[] = []
  const read = (request: ScanRequest) => tables.scan('Vaults', request)
  for await (const items of eachPage(read, { limit: 1000 })) {
    for (const id of vaultIdsIn(items, tenancyId)) {
      try {
        const vault = await cache.freshVault(id)
        if (vault === undefined) continue
        const { vaultPrefix, primaryRegion } = vault.row
        vaults.push({ id, prefix: vaultPrefix, isReplica: primaryRegion !== region })
      } catch (cause) {
        if (!(cause instanceof KmsError) || cause.code !== 'integrityFailure') throw cause
        unverified.push(id)
      }
    }
  }
  return { vaults, unverified }
}
