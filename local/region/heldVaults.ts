import { isKmsError } from '../../lib/errors.ts'
import { eachPage } from '../../lib/kms/rows/pages.ts'
import { vaultSk } from '../../lib/kms/rows/rows.ts'
import { vaultIdsIn } from '../../lib/kms/rows/vaultIdsIn.ts'
import type { Item, ScanRequest, Tables } from '../../lib/ports.ts'
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
  /** Those that the HSM does not open now, because it is away: as their rows have it, which nobody has verified. */
  readonly unopened: readonly Omit<HeldVault, 'prefix'>[]
}

type HoldingRegion = Pick<Runtime, 'cache' | 'region'> & { readonly tables: Pick<Tables, 'scan'> }

/** One vault that does not verify, or does not open, hides none of the others. */
export async function heldVaults({ tables, cache, region }: HoldingRegion, tenancyId: string): Promise<HeldVaults> {
  const vaults: HeldVault[] = []
  const unverified: string[] = []
  const unopened: Omit<HeldVault, 'prefix'>[] = []
  const read = (request: ScanRequest) => tables.scan('Vaults', request)
  for await (const items of eachPage(read, { limit: 1000 })) {
    for (const id of vaultIdsIn(items, tenancyId)) {
      try {
        const vault = await cache.freshVault(id)
        if (vault === undefined) continue
        const { vaultPrefix, primaryRegion } = vault.row
        vaults.push({ id, prefix: vaultPrefix, isReplica: primaryRegion !== region })
      } catch (cause) {
        if (isKmsError(cause, 'integrityFailure')) unverified.push(id)
        else if (isKmsError(cause, 'unavailable')) unopened.push({ id, isReplica: isReplicaRow(items, id, region) })
        else throw cause
      }
    }
  }
  return { vaults, unverified, unopened }
}

function isReplicaRow(items: readonly Item[], id: string, region: string): boolean {
  return items.find(({ pk, sk }) => pk === id && sk === vaultSk)?.['primaryRegion'] !== region
}
