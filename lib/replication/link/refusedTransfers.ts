import { isKmsError, KeptInToken, KmsError } from '../../errors.ts'
import { systemAudit } from '../../kms/systemMutation.ts'
import { LruCache } from '../../lruCache.ts'
import type { Item, Tables } from '../../ports.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { noteRefusal, type Refusal } from './standingRefusals.ts'

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

/**
 * Keys that do not cross. It is told by then, and the message is done with: the same again would end the same. Whoever wants
 * the keys asks anew, a source of a vault each minute and at its start, and is judged by what holds then.
 */
export class TransferRefused extends KmsError {
  constructor(cause: KmsError) {
    super(cause.code, cause.message, { cause })
  }
}

type Ports = Pick<ReplicationPorts, 'tables' | 'clock' | 'random' | 'log' | 'hsm' | 'region'>

/** That it was audited, and when first. */
interface RefusedRow extends Item {
  readonly at: number
  /** By this region's setting. Older versions did not note it. */
  readonly isKept?: true
}

function refusedPk(resourceId: string): string {
  return `refused#${resourceId}`
}

/** Does what may refuse a transfer, and tells a refusal: in the log, to whoever looks at the region, and in the audit. @throws TransferRefused */
export async function tellingRefusals<T>(ports: Ports, transfer: Transfer, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!isKmsError(cause, 'integrityFailure', 'limitExceeded')) throw cause
    if (cause.code === 'integrityFailure') await auditRefusal(ports, transfer, cause.message, whyOf(cause))
    await noteRefusal(ports, transfer, { why: whyOf(cause), reason: cause.message })
    logOnce(ports, transfer, cause)
    throw new TransferRefused(cause)
  }
}

function whyOf(cause: KmsError): Refusal['why'] {
  if (cause instanceof KeptInToken) return 'keptInToken'
  return cause.code === 'limitExceeded' ? 'noFreeToken' : 'refused'
}

/** What a process has logged, by its HSM: the next start says it again. */
const logged = new WeakMap<object, LruCache<true>>()
const maxLogged = 1_000

function logOnce(
  { hsm, log }: Ports,
  { tenancyId, resourceId, fence, source, destination }: Transfer,
  cause: KmsError,
) {
  const known = logged.get(hsm) ?? new LruCache<true>(maxLogged)
  logged.set(hsm, known)
  const name = JSON.stringify([resourceId, fence, source, destination, cause.message])
  if (known.get(name) !== undefined) return
  known.set(name, true)
  const isOfBackups = resourceId === tenancyId
  const message = isOfBackups
    ? `The tenancy's backup keys do not go from ${source} to ${destination}, which makes and restores no backups without them.`
    : `A vault's keys do not go from ${source} to ${destination}: its replica stays CREATING and is tried again each minute.`
  const details = { ...(isOfBackups ? { tenancy: tenancyId } : { vault: resourceId }), reason: cause.message }
  if (cause instanceof KeptInToken) log.warn(message, details)
  else log.error(message, cause, details)
}

/** One event for each link and reason, however often it is tried: a peer that goes on asking floods nothing. */
export async function auditRefusal(
  ports: Ports,
  transfer: Transfer,
  reason: string,
  why: Refusal['why'] = 'refused',
): Promise<void> {
  const { tenancyId, fence, source, destination, ...resource } = transfer
  const item: RefusedRow = {
    pk: refusedPk(resource.resourceId),
    sk: reason.slice(0, maxReason),
    epoch: '',
    revision: fence,
    at: ports.clock(),
    ...(why === 'keptInToken' ? { isKept: true } : {}),
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

interface Link {
  /** Of the vault. */
  readonly id: string
  readonly fence: number
}
type Reading = { readonly tables: Pick<Tables, 'query'> }

/** Whether this region has refused to send the vault's keys over its present link. */
export async function hasRefused(ports: Reading, link: Link): Promise<boolean> {
  return (await refusalsOf(ports, link)).length > 0
}

/** Why this region's setting kept the keys in their token when that link was asked for; undefined: it did not. */
export async function keptReason(ports: Reading, link: Link): Promise<string | undefined> {
  const found = await refusalsOf(ports, link)
  return found.find(({ isKept, sk }) => isKept === true || sk.includes('PKCS11_SOFTWARE_REPLICAS'))?.sk
}

async function refusalsOf({ tables }: Reading, { id, fence }: Link): Promise<readonly RefusedRow[]> {
  const { items } = await tables.query('Replication', refusedPk(id), '', { limit: 50 })
  return (items as readonly RefusedRow[]).filter(({ revision }) => revision === fence)
}
