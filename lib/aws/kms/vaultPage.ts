import { vaultIdsIn } from '../../kms/rows/vaultIdsIn.ts'
import type { Clock, Tables } from '../../ports.ts'
import type { KmsHsm } from './kmsHsm.ts'

export interface VaultPagePorts {
  readonly tables: Tables
  readonly hsm: KmsHsm
  readonly clock: Clock
}

/** From where the next call goes on. One that a version before this left has another member, and begins anew. */
export interface WrapCursor {
  readonly behind?: string
}

/** How many rows a call looks at, so that it ends well within a function's time. A vault has two or three. */
const pageSize = 200

/** Some of a tenancy's vaults, by primary key: one that moves to another compartment meanwhile is not missed. `next` is absent where these were the last. */
export async function vaultPage(
  { tables }: Pick<VaultPagePorts, 'tables'>,
  tenancyId: string,
  from?: WrapCursor,
): Promise<{ readonly vaultIds: readonly string[]; readonly next?: WrapCursor }> {
  const after = from?.behind
  const { items, next } = await tables.scan('Vaults', { limit: pageSize, ...(after === undefined ? {} : { after }) })
  const vaultIds = vaultIdsIn(items, tenancyId)
  return next === undefined ? { vaultIds } : { vaultIds, next: { behind: next } }
}
