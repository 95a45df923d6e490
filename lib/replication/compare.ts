import { KmsError } from '../errors.ts'
import { leafEntries, treeLeaves, type TreePlace } from '../kms/rows/digestTree.ts'
import { wrappingKeySk } from '../kms/rows/rows.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { adoptKeys } from './adoptKeys.ts'
import {
  answeredKey,
  rootOf,
  shortDigest,
  vaultDigest,
  type Compared,
  type LeafRange,
  type RangeAnswer,
} from './messages/comparison.ts'
import { sendOrPark } from './lane/sendOrPark.ts'
import { enqueue } from './messages/send.ts'
import type { Task } from './messages/task.ts'
import type { BodyOf, Envelope } from './messages/signedMessage.ts'
import { recountSome } from './recount.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** What a vault comes to in this region: its own rows, and the sums of its leaves. */
export interface VaultSums {
  readonly vaultDigest: string
  readonly leaves: ReadonlyMap<number, string>
}

export async function vaultSums({ tables }: Pick<ReplicationPorts, 'tables'>, { row }: Vault): Promise<VaultSums> {
  const [wrappingKey, leaves] = await Promise.all([
    tables.get('Vaults', row.id, wrappingKeySk),
    treeLeaves(tables, row.id),
  ])
  const short = new Map([...leaves].map(([leaf, sum]) => [leaf, shortDigest(sum)]))
  return { vaultDigest: vaultDigest(row, wrappingKey), leaves: short }
}

/** The replica's answer to its primary's question whether their rows are the same. */
export async function onCompare(ports: ReplicationPorts, envelope: Envelope, body: BodyOf<'compare'>): Promise<void> {
  const { vaultId, fence, askedAt } = body
  const vault = await ports.cache.freshVault(vaultId)
  // Of another link, or of one that is not yet or no longer: the primary asks again.
  if (vault === undefined || vault.row.fence !== fence) return
  const { source, tenancyId } = envelope
  if (
    vault.row.primaryRegion !== source ||
    vault.row.primaryRegion === ports.region ||
    vault.row.tenancyId !== tenancyId
  )
    throw new KmsError('integrityFailure', `${source} does not write the vault ${vaultId}.`)
  if (!(await adoptKeys(ports, vault))) return enqueue(ports, 'inbox', { task: 'adoptKeys', vaultId })
  if (body.ranges === undefined) await recountSome(ports, vault)
  const sums = await vaultSums(ports, vault)
  const isEqual = rootOf(sums.leaves) === body.root && sums.vaultDigest === body.vaultDigest
  const about = { vaultId, fence, askedAt, vaultDigest: sums.vaultDigest, isEqual }
  const answer: Compared =
    body.ranges === undefined
      ? { ...about, ...(isEqual ? {} : { leaves: Object.fromEntries(sums.leaves) }) }
      : { ...about, ...(await answers(ports, vaultId, body.ranges)) }
  await sendOrPark(ports, { region: source, queue: 'outcome', tenancyId }, { kind: 'compared', ...answer })
}

/** Goes on with what `onCompare` began in a vault that 0.1.0 replicated. */
export async function workAdoption(ports: ReplicationPorts, task: Extract<Task, { task: 'adoptKeys' }>): Promise<void> {
  const vault = await ports.cache.freshVault(task.vaultId)
  if (vault === undefined || vault.row.primaryRegion === ports.region) return
  if (!(await adoptKeys(ports, vault))) await enqueue(ports, 'inbox', task)
}

/** An entry takes less than 250 bytes of a message, which has at most 256,000. */
const maxAnswered = 600

async function answers(
  { tables }: ReplicationPorts,
  vaultId: string,
  asked: readonly LeafRange[],
): Promise<Required<Pick<Compared, 'ranges' | 'left'>>> {
  const ranges: RangeAnswer[] = []
  let room = maxAnswered
  for (const [index, range] of asked.entries()) {
    const { entries, next } = await leafEntries(tables, vaultId, range, room)
    ranges.push({ ...range, through: next ?? null, keys: entries.map(answeredKey) })
    room -= entries.length
    const rest: TreePlace[] = next === undefined ? [] : [{ leaf: range.leaf, after: next }]
    if (room <= 0 || next !== undefined) return { ranges, left: [...rest, ...asked.slice(index + 1)] }
  }
  return { ranges, left: [] }
}
