import { leafEntries, treeEntry } from '../kms/rows/digestTree.ts'
import { isAtLeast, type Order } from '../kms/rows/epoch.ts'
import type { KeyRow, VaultRow } from '../kms/rows/rows.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { completeUnlessDeleted } from '../kms/keys/completeKey.ts'
import { vaultSums } from './compare.ts'
import { noteComparison, type WaitingChange } from './compared.ts'
import { sendRecords } from './handOff.ts'
import { linkedVault } from './link/linkSource.ts'
import { shortDigest, type RangeAnswer } from './messages/comparison.ts'
import { coveredOrder, lastReceipt } from './messages/receipts.ts'
import { keyRecords, vaultRecord, type KeyRecord } from './messages/record.ts'
import type { BodyOf, Envelope } from './messages/signedMessage.ts'
import { ask } from './reconcile.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** A receipt that came while the question was on its way says nothing about the answer. */
const marginMs = 1_000

/** Works the replica's answer to a comparison: asks where it differs, and sends what differs. */
export async function onCompared(ports: ReplicationPorts, envelope: Envelope, body: BodyOf<'compared'>): Promise<void> {
  const vault = await linkedVault(ports, envelope, body)
  if (vault?.row.handOffTo == null) return
  if (body.isEqual) return noteComparison(ports, vault, { isEqual: true, diverged: 0, waiting: [] })
  const sums = await vaultSums(ports, vault)
  const found: Difference[] = []
  if (sums.vaultDigest !== body.vaultDigest) found.push(await mendVault(ports, vault, body.askedAt))
  const { leaves, ranges = [], left = [] } = body
  if (leaves !== undefined) {
    const all = new Set([...sums.leaves.keys(), ...Object.keys(leaves).map(Number)])
    const differing = [...all].filter((leaf) => sums.leaves.get(leaf) !== leaves[leaf])
    if (differing.length > 0)
      await ask(
        ports,
        vault,
        differing.map((leaf) => ({ leaf, after: null })),
      )
  }
  for (const range of ranges) found.push(...(await mendRange(ports, vault, range, body.askedAt)))
  if (left.length > 0) await ask(ports, vault, left)
  const diverged = found.filter((each) => each === 'diverged').length
  const waiting = found.filter((each) => typeof each !== 'string')
  await noteComparison(ports, vault, { isEqual: false, diverged, waiting })
}

/** Diverged: the replica had acknowledged a state that it does not have. Waiting: it had not. */
type Difference = 'none' | 'diverged' | WaitingChange

async function mendRange(
  ports: ReplicationPorts,
  vault: Vault,
  range: RangeAnswer,
  askedAt: number,
): Promise<readonly Difference[]> {
  const theirs = new Map(range.keys.map((key) => [key.id, key]))
  const mine = new Set<string>()
  for (let after = range.after; ;) {
    const page = await leafEntries(ports.tables, vault.row.id, { leaf: range.leaf, after }, 500)
    for (const { sk } of page.entries) if (range.through === null || sk <= range.through) mine.add(sk)
    if (page.next === undefined || (range.through !== null && page.next >= range.through)) break
    after = page.next
  }
  const found: Difference[] = []
  const records: KeyRecord[] = []
  for (const id of new Set([...mine, ...theirs.keys()])) {
    found.push(await compareKey(ports, vault, id, { theirs: theirs.get(id), askedAt, records }))
  }
  if (vault.row.handOffTo !== null) await sendRecords(ports, vault.row, vault.row.handOffTo, records)
  return found
}

type Theirs = Order & { readonly digest: string }

/** Adds the records that the replica lacks of the key. */
async function compareKey(
  ports: ReplicationPorts,
  vault: Vault,
  keyId: string,
  { theirs, askedAt, records }: { theirs: Theirs | undefined; askedAt: number; records: KeyRecord[] },
): Promise<Difference> {
  const stored = await ports.cache.freshKey(vault.keys, keyId)
  if (stored === undefined) {
    ports.log.error('A replica has a key that its primary has not: the primary lost data.', undefined, {
      vault: vault.row.id,
      key: keyId,
    })
    return 'diverged'
  }
  const key = await completeUnlessDeleted(ports, vault, stored)
  const mine = await treeEntry(ports.tables, vault.row.id, keyId)
  if (mine !== undefined && theirs !== undefined && shortDigest(mine.digest) === theirs.digest) return 'none'
  if (theirs !== undefined && isAtLeast(theirs, key) && !isAtLeast(key, theirs)) {
    ports.log.error('A replica is ahead of its primary: the primary was put back to an older state.', undefined, {
      vault: vault.row.id,
      key: keyId,
    })
    return 'diverged'
  }
  const isDiverged = await wasAcknowledged(ports, vault, key, askedAt)
  if (isDiverged) await report(ports, vault, key)
  const whole = isDiverged ? null : await coveredOrder(ports.tables, vault, keyId)
  records.push(...(await keyRecords(ports.tables, key, { whole })))
  return isDiverged ? 'diverged' : waitingSince(key, whole, askedAt)
}

/** What was committed before the replica was asked, and has no receipt now. */
function waitingSince(row: KeyRow | VaultRow, covered: Order | null, askedAt: number): Difference {
  const { id, epoch, revision, committedAt: since } = row
  return since >= askedAt || isAtLeast(covered ?? undefined, row) ? 'none' : { id, epoch, revision, since }
}

async function mendVault(ports: ReplicationPorts, vault: Vault, askedAt: number): Promise<Difference> {
  const isDiverged = await wasAcknowledged(ports, vault, vault.row, askedAt)
  if (isDiverged) await report(ports, vault, vault.row)
  const { handOffTo } = vault.row
  if (handOffTo !== null) await sendRecords(ports, vault.row, handOffTo, [await vaultRecord(ports.tables, vault.row)])
  if (isDiverged) return 'diverged'
  return waitingSince(vault.row, await coveredOrder(ports.tables, vault, vault.row.id), askedAt)
}

/** Whether the replica had said, before it was asked, that it has this state. */
async function wasAcknowledged(
  { tables }: ReplicationPorts,
  vault: Vault,
  resource: Order & { readonly id: string },
  askedAt: number,
): Promise<boolean> {
  const receipt = await lastReceipt(tables, vault, resource.id)
  return (
    receipt !== undefined && receipt.receivedAt + marginMs < askedAt && isAtLeast(receipt.receipt.covered, resource)
  )
}

/** Such a receipt is not believed any longer: the status says REPLICATING until another comes. */
async function report(ports: ReplicationPorts, vault: Vault, { id }: { readonly id: string }): Promise<void> {
  ports.log.error('A replica does not have what it acknowledged; it is sent again.', undefined, {
    vault: vault.row.id,
    resource: id,
  })
  ports.lag.diverged({ vaultId: vault.row.id, peer: vault.row.replicaRegion ?? '' }, 1)
  const receipt = await lastReceipt(ports.tables, vault, id)
  if (receipt === undefined) return
  const { pk, sk, revision } = receipt
  await ports.tables.write([{ op: 'delete', table: 'Replication', pk, sk, condition: { kind: 'revision', revision } }])
}
