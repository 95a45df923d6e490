import type { CompartmentRow } from '../../kms/identity/identityRows.ts'
import { rowsOf, tenancyState } from '../../kms/identity/tenancyState.ts'
import { vaultListingPartition } from '../../kms/rows/rows.ts'
import type { Clock, Tables } from '../../ports.ts'
import type { KmsHsm } from './kmsHsm.ts'

export interface VaultPagePorts {
  readonly tables: Tables
  readonly hsm: KmsHsm
  readonly region: string
  readonly homeRegion: string
  readonly clock: Clock
}

/** From where the next call goes on. */
export interface WrapCursor {
  readonly compartmentId: string
  readonly after?: string
}

/** How many vaults a call looks at, so that it ends well within a function's time. */
const pageSize = 100

/** A page of a compartment's vaults; the compartments one after another, by their OCIDs. `next` is absent where these were the last. */
export async function vaultPage(
  ports: VaultPagePorts,
  tenancyId: string,
  from?: WrapCursor,
): Promise<{ readonly vaultIds: readonly string[]; readonly next?: WrapCursor }> {
  const ids = rowsOf<CompartmentRow>(await tenancyState(ports, tenancyId), 'compartment').map(({ id }) => id)
  const waiting = ids.sort().filter((id) => from === undefined || id >= from.compartmentId)
  const [compartmentId, following] = waiting
  if (compartmentId === undefined) return { vaultIds: [] }
  const after = compartmentId === from?.compartmentId ? from.after : undefined
  const page = await ports.tables.queryIndex('Vaults', 'byTime', vaultListingPartition(compartmentId), {
    limit: pageSize,
    ...(after === undefined ? {} : { after }),
  })
  const vaultIds = page.items.map(({ pk }) => pk)
  if (page.next !== undefined) return { vaultIds, next: { compartmentId, after: page.next } }
  return following === undefined ? { vaultIds } : { vaultIds, next: { compartmentId: following } }
}
