import { isKmsError } from '../../errors.ts'
import { eachItem } from '../../kms/rows/pages.ts'
import type { PageRequest } from '../../ports.ts'
import { riskPage, type AtRiskRow } from '../atRisk.ts'
import { sendRecords } from '../handOff.ts'
import { enqueue, MessageRefused, PeerUnreachable, toPeer } from '../messages/send.ts'
import type { KeyRecord, VaultRecord } from '../messages/record.ts'
import type { Task } from '../messages/task.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { handedOff, missingRecords } from '../resend.ts'
import type { Vault } from '../../kms/vaultCache.ts'
import { sendIdentity } from '../tenancy/replicateIdentity.ts'
import { eachParked, unpark, type ParkedAt } from './parked.ts'
import { beginDraining, callDrain, endDraining, endLane, noteTry, standingLane } from './peerLane.ts'

type DrainTask = Extract<Task, { task: 'drain' }>

/** Marks that are read, and resources that are sent, at once. */
const pageSize = 100
/** A drain that has worked for so long goes on in another message: a function may run only so long. */
const budgetMs = 5_000
/** A peer that was lost again while it was brought up to date. */
const lostAgainSeconds = 1

/**
 * One message stands for all that a peer is owed. While the peer is away it tries, each time it comes, one thing; once
 * that is taken, everything goes over in large messages. @throws where the peer is still away: the message comes again.
 */
export async function drainLane(ports: ReplicationPorts, task: DrainTask): Promise<void> {
  const { peer, drain, after } = task
  if (after === null) {
    const lane = await standingLane(ports.tables, peer, drain)
    if (lane === 'other') return
    if (lane === 'own') {
      await probe(ports, task)
      // INVARIANT: before anything is read: what is owed from here on has a message of its own.
      await endLane(ports.tables, peer, drain)
    }
  }
  await beginDraining(ports, peer)
  try {
    const rest = await bringOver(ports, task)
    if (rest !== undefined) {
      await enqueue(ports, 'outbox', rest)
      return
    }
  } catch (cause) {
    if (!(cause instanceof PeerUnreachable)) throw cause
    ports.log.warn('A peer was lost again while it was brought up to date.', { peer, cause: cause.message })
    await callDrain(ports, peer, lostAgainSeconds)
  }
  await endDraining(ports.tables, peer)
}

async function probe(ports: ReplicationPorts, { peer, drain }: DrainTask): Promise<void> {
  try {
    await sendFirst(ports, peer)
  } catch (cause) {
    if (cause instanceof MessageRefused) return
    await noteTry(ports, peer, drain)
    throw cause
  }
}

/** Sends one thing of what waits; nothing only where nothing does. */
async function sendFirst(ports: ReplicationPorts, peer: string): Promise<void> {
  for await (const [first] of eachParked(ports.tables, peer, 1)) {
    if (first !== undefined && (await sendParked(ports, peer, [first])) > 0) return
  }
  const read = (request: PageRequest) => riskPage(ports.tables, peer, request)
  for await (const mark of eachItem(read, { limit: 20 })) {
    for (const { vault, records } of await recordsOf(ports, peer, [mark as AtRiskRow])) {
      const [record] = records
      if (record !== undefined) return sendRecords(ports, vault.row, peer, [record])
    }
  }
}

/** Resolves with what is left to do, where that is something. @throws PeerUnreachable */
async function bringOver(ports: ReplicationPorts, task: DrainTask): Promise<DrainTask | undefined> {
  const { peer, after } = task
  const end = ports.clock() + budgetMs
  if (after === null) {
    for await (const page of eachParked(ports.tables, peer, 10)) {
      await sendParkedSingly(ports, peer, page)
      if (ports.clock() >= end) return task
    }
  }
  // The next page is read while the one before is on its way.
  let sending: Promise<void> = Promise.resolve()
  for (let from = after; ;) {
    const { items, next } = await riskPage(ports.tables, peer, {
      limit: pageSize,
      ...(from === null ? {} : { after: from }),
    })
    const groups = await recordsOf(ports, peer, items as readonly AtRiskRow[])
    await sending
    sending = sendGroups(ports, peer, groups)
    sending.catch(() => undefined)
    if (next !== undefined && ports.clock() < end) {
      from = next
      continue
    }
    await sending
    return next === undefined ? undefined : { ...task, after: next }
  }
}

interface Group {
  readonly vault: Vault
  readonly records: readonly (KeyRecord | VaultRecord)[]
}

/** What the peer lacks of the marked resources, by vault. What cannot be read now is left to the outbox, or was logged. */
async function recordsOf(
  ports: ReplicationPorts,
  peer: string,
  marks: readonly AtRiskRow[],
): Promise<readonly Group[]> {
  const groups: Group[] = []
  for (const [vaultId, ids] of byVault(marks)) {
    const link = await handedOff(ports, vaultId).catch((cause: unknown) => {
      ports.log.error('A vault that waits for its replica cannot be read.', cause, { vault: vaultId })
    })
    if (link?.peer !== peer) continue
    const read = await Promise.allSettled(ids.map((id) => missingRecords(ports, link.vault, id)))
    const records: (KeyRecord | VaultRecord)[] = []
    for (const [index, outcome] of read.entries()) {
      if (outcome.status === 'fulfilled') records.push(...outcome.value)
      else await leave(ports, vaultId, ids[index] ?? '', outcome.reason)
    }
    if (records.length > 0) groups.push({ vault: link.vault, records })
  }
  return groups
}

function byVault(marks: readonly AtRiskRow[]): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>()
  for (const { vaultId, sk } of marks) ids.set(vaultId, [...(ids.get(vaultId) ?? []), sk])
  return ids
}

/** A row that does not verify will not verify later; whatever else is in the way may pass. */
async function leave(ports: ReplicationPorts, vaultId: string, id: string, cause: unknown): Promise<void> {
  if (isKmsError(cause, 'integrityFailure'))
    ports.log.error('A change that waits for its replica cannot be read.', cause, { vault: vaultId, resource: id })
  else if (isKmsError(cause))
    await enqueue(
      ports,
      'outbox',
      id === vaultId ? { task: 'resendVault', vaultId } : { task: 'resendKey', vaultId, keyId: id },
    )
  else throw cause
}

async function sendGroups(ports: ReplicationPorts, peer: string, groups: readonly Group[]): Promise<void> {
  for (const { vault, records } of groups) {
    try {
      await sendRecords(ports, vault.row, peer, records)
    } catch (cause) {
      if (!(cause instanceof MessageRefused)) throw cause
      ports.log.error('Records were refused; the next comparison sends them again.', cause, { vault: vault.row.id })
    }
  }
}

/** What is refused in company is sent alone; what is refused alone stays, and reconciliation has it tried again. */
async function sendParkedSingly(ports: ReplicationPorts, peer: string, page: readonly ParkedAt[]): Promise<void> {
  try {
    await sendParked(ports, peer, page)
  } catch (cause) {
    if (!(cause instanceof MessageRefused)) throw cause
    if (page.length > 1) for (const one of page) await sendParkedSingly(ports, peer, [one])
    else ports.log.error('A message that waited was refused; it is tried again.', cause, { peer })
  }
}

/** Resolves with how many messages went. */
async function sendParked(ports: ReplicationPorts, peer: string, page: readonly ParkedAt[]): Promise<number> {
  let count = 0
  for (const { parked } of page) {
    if (parked.kind === 'identity') count += await sendIdentity(ports, parked.tenancyId, peer)
  }
  for (const name of ['inbox', 'outcome'] as const) {
    const envelopes = page.flatMap(({ parked }) =>
      parked.kind === 'message' && parked.queue === name ? [parked.envelope] : [],
    )
    if (envelopes.length > 0) await toPeer(ports, { region: peer, name }, envelopes)
    count += envelopes.length
  }
  await Promise.all(page.map((one) => unpark(ports.tables, one)))
  return count
}
