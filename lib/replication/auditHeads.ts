import {
  headBytes,
  headHash,
  headRows,
  peerHeadKey,
  type AuditHead,
  type PeerHeadRow,
  type UntoldHeadRow,
} from '../kms/auditChain/auditHead.ts'
import { KmsError } from '../errors.ts'
import type { JsonObject } from '../canonicalJson.ts'
import type { RegionStatement } from '../hsm/hsm.ts'
import { eachPage } from '../kms/rows/pages.ts'
import type { PageRequest } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'
import { send, type DeliverPorts } from './messages/send.ts'
import type { BodyOf, Envelope } from './messages/signedMessage.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

type KeepPorts = Pick<ReplicationPorts, 'tables' | 'hsm' | 'log'>
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

/**
 * A peer's heads. One that follows what is kept takes its place, because its hash covers it; any other stands beside it, so
 * that no head that a region told is ever taken back: `audit verify` holds all of them against what the region has.
 */
export async function onAuditHeads(
  ports: KeepPorts,
  envelope: Envelope,
  { heads }: BodyOf<'auditHeads'>,
): Promise<void> {
  for (const head of heads) {
    requireFormat('A head of the audit', head, 'vaultspan/audit-head/1')
    if (head.region !== envelope.source)
      throw new KmsError('integrityFailure', `${envelope.source} told a head of ${head.region}.`)
    await keep(ports, envelope, head)
  }
}

async function keep({ tables, hsm, log }: KeepPorts, { source, proof }: Envelope, head: AuditHead): Promise<void> {
  const { writer, number } = head
  const about = { peer: source, writer, number }
  const statement = proof['statement'] as unknown as RegionStatement
  if (!(await hsm.isSignedBy(statement, headBytes(head), Buffer.from(head.signature, 'base64')))) {
    log.error('A region told a head of its audit that it has not signed; it is not kept.', undefined, about)
    return
  }
  const kept = await keptOf(tables, head)
  if (kept.some(({ head: { previous } }) => previous?.hash === headHash(head))) return
  if (kept.some(contradicts(head)))
    log.error(
      'A region told a head of its audit that contradicts one it told before: see audit verify.',
      undefined,
      about,
    )
  await tables.write([{ op: 'put', table: 'Audit', item: peerHeadRow(head, { ...statement }) }])
  for (const { pk, sk, head: earlier } of kept)
    if (head.previous?.hash === headHash(earlier) && outlasts(head, earlier))
      await tables.write([{ op: 'delete', table: 'Audit', pk, sk }])
}

/** The latest of the writer: what lies further back stays as it is. */
async function keptOf(tables: ReplicationPorts['tables'], { region, writer }: AuditHead) {
  const request = { limit: 100, descending: true } as const
  const { items } = await tables.query('Audit', `${headRows.peerPk}${region}`, writer, request)
  return items as readonly PeerHeadRow[]
}

/** Else whoever signs both would have the peer forget the earlier one when the later one expires. */
function outlasts({ keptUntil }: AuditHead, earlier: AuditHead): boolean {
  return keptUntil === null || (earlier.keptUntil !== null && keptUntil >= earlier.keptUntil)
}

function contradicts(head: AuditHead) {
  return ({ head: other }: PeerHeadRow): boolean => {
    if (other.number === head.number) return headHash(other) !== headHash(head)
    const [earlier, later] = other.number < head.number ? [other, head] : [head, other]
    return earlier.isLast || (later.number === earlier.number + 1 && later.previous?.hash !== headHash(earlier))
  }
}

function peerHeadRow(head: AuditHead, statement: JsonObject): PeerHeadRow {
  const { keptUntil } = head
  const expiry = keptUntil === null ? {} : { expiresAt: keptUntil }
  return { ...peerHeadKey(head), ...expiry, head, statement }
}
