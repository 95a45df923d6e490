import { isKmsError } from '../../errors.ts'
import { systemAudit } from '../../kms/systemMutation.ts'
import type { Item, Tables } from '../../ports.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/** Keys that are on their way from one region to another, as the audit of the region that refuses them names it. */
export interface Transfer {
  readonly tenancyId: string
  /** The vault; the tenancy, where its backup keys are on their way. */
  readonly resourceId: string
  readonly resourceName: string
  readonly compartmentId: string
  /** Which of the vault's links it is. */
  readonly fence: number
  readonly source: string
  readonly destination: string
}

type Ports = Pick<ReplicationPorts, 'tables' | 'clock' | 'random'>

/** That it was audited, and when first. */
interface RefusedRow extends Item {
  readonly at: number
}

function refusedPk(resourceId: string): string {
  return `refused#${resourceId}`
}

/** Does what may refuse a transfer. A refusal goes on to whoever retries, and into the audit. */
export async function auditingRefusals<T>(ports: Ports, transfer: Transfer, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure')) await auditRefusal(ports, transfer, cause.message)
    throw cause
  }
}

/** One event for each link and reason, however often it is tried: a peer that goes on asking floods nothing. */
export async function auditRefusal(ports: Ports, transfer: Transfer, reason: string): Promise<void> {
  const { tenancyId, fence, source, destination, ...resource } = transfer
  const item: RefusedRow = {
    pk: refusedPk(resource.resourceId),
    sk: reason.slice(0, maxReason),
    epoch: '',
    revision: fence,
    at: ports.clock(),
  }
  const current = { destination, reason, source }
  // Where the condition does not hold, it was told.
  await ports.tables.write([
    { op: 'put', table: 'Replication', item, condition: { kind: 'newer', epoch: '', revision: fence } },
    ...systemAudit(ports, tenancyId, 'RefuseVaultTransfer', { ...resource, current }),
  ])
}

/** Sort keys have 1024 bytes at most. */
const maxReason = 300

/** Whether this region has refused to send the vault's keys over its present link. */
export async function hasRefused(
  { tables }: { readonly tables: Pick<Tables, 'query'> },
  { id, fence }: { readonly id: string; readonly fence: number },
): Promise<boolean> {
  const { items } = await tables.query('Replication', refusedPk(id), '', { limit: 50 })
  return items.some(({ revision }) => revision === fence)
}
