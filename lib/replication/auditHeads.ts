import {
  headRows,
  peerHeadKey,
  type AuditHead,
  type PeerHeadRow,
  type UntoldHeadRow,
} from '../kms/auditChain/auditHead.ts'
import { KmsError } from '../errors.ts'
import type { JsonObject } from '../canonicalJson.ts'
import { eachPage } from '../kms/rows/pages.ts'
import type { PageRequest } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'
import { send, type DeliverPorts } from './messages/send.ts'
import type { BodyOf, Envelope } from './messages/signedMessage.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

type TellPorts = DeliverPorts & Pick<ReplicationPorts, 'tables' | 'regions'>

/** Keeps a message well below its size limit: a head without its places has some 700 bytes. */
const headsAtOnce = 100

/**
 * Gives every other region the heads of this region's audit that it was not told of: of each writer the latest, whose hash
 * covers all before it. From then on nobody cuts the chain off before it without its being seen there. What cannot be
 * told now is told with the next call.
 */
export async function tellAuditHeads(ports: TellPorts): Promise<void> {
  const read = (request: PageRequest) => ports.tables.query('Audit', headRows.untoldPk, '', request)
  for await (const rows of eachPage(read, { limit: headsAtOnce })) {
    const byTenancy = Map.groupBy(rows as readonly UntoldHeadRow[], ({ tenancyId }) => tenancyId)
    for (const [tenancyId, told] of byTenancy) if (await tell(ports, tenancyId, told)) await forget(ports, told)
  }
}

async function tell(ports: TellPorts, tenancyId: string, rows: readonly UntoldHeadRow[]): Promise<boolean> {
  const heads = rows.map(({ head }) => head)
  const peers = ports.regions.filter((peer) => peer !== ports.region)
  const outcomes = await Promise.allSettled(
    peers.map((peer) => send(ports, { region: peer, queue: 'inbox', tenancyId }, { kind: 'auditHeads', heads })),
  )
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue
    const peer = peers[index] ?? ''
    ports.log.info('A peer cannot be told of the heads of the audit; they wait.', {
      peer,
      cause: String(outcome.reason),
    })
  }
  return outcomes.every(({ status }) => status === 'fulfilled')
}

/** A later head that was signed meanwhile stays. */
async function forget({ tables }: TellPorts, rows: readonly UntoldHeadRow[]): Promise<void> {
  for (const { pk, sk, revision } of rows) {
    const condition = { kind: 'revision', revision } as const
    await tables.write([{ op: 'delete', table: 'Audit', pk, sk, condition }])
  }
}

/** A peer's heads: an earlier one never takes the place of a later one. */
export async function onAuditHeads(
  { tables }: Pick<ReplicationPorts, 'tables'>,
  { source, proof }: Envelope,
  { heads }: BodyOf<'auditHeads'>,
): Promise<void> {
  const statement = proof['statement'] as JsonObject
  for (const head of heads) {
    requireFormat('A head of the audit', head, 'vaultspan/audit-head/1')
    if (head.region !== source) throw new KmsError('integrityFailure', `${source} told a head of ${head.region}.`)
    await tables.write([{ op: 'put', table: 'Audit', item: peerHeadRow(head, statement), condition: newer(head) }])
  }
}

function peerHeadRow(head: AuditHead, statement: JsonObject): PeerHeadRow {
  const { keptUntil, number: revision } = head
  const expiry = keptUntil === null ? {} : { expiresAt: keptUntil }
  return { ...peerHeadKey(head), ...expiry, epoch: '', revision, head, statement }
}

function newer({ number: revision }: AuditHead) {
  return { kind: 'newer', epoch: '', revision } as const
}
