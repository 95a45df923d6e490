import { endOf, markedAuditWrites, type AuditEvent } from '../../kms/audit.ts'
import { firstContained, requireCompartmentActive } from '../../kms/identity/compartmentContents.ts'
import {
  compartmentEffect,
  compartmentOfEarlier,
  requireSubcompartment,
  type CompartmentPorts,
} from '../../kms/identity/compartments.ts'
import { KmsError } from '../../errors.ts'
import { changeIdentity } from '../../kms/identity/changeIdentity.ts'
import type { TenancyIdentity } from '../../kms/identity/identityCache.ts'
import { appendIdentity, requireHomeRegion } from '../../kms/identity/identityLog.ts'
import { headSeq } from '../../kms/identity/verifyIdentity.ts'
import { identitySk, type SubcompartmentRow } from '../../kms/identity/identityRows.ts'
import { newEtag, type Mutation } from '../../kms/mutation.ts'
import { untilCommitted } from '../../kms/untilCommitted.ts'
import { newOcid } from '../../ocid.ts'
import type { Item, Write } from '../../ports.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import { resendEntry } from './replicateIdentity.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/**
 * A compartment goes where every region finds it empty. The home region writes it DELETING; from there on nothing comes
 * into it where that entry is applied, and each region that applied it says what it has (compartmentVote.ts). All empty:
 * DELETED. One not: ACTIVE again. Beside the row lie the event of the request and the votes, by attempt.
 */
interface BeginRow extends Item {
  readonly begin: AuditEvent
}

interface VoteRow extends Item {
  readonly region: string
  readonly isEmpty: boolean
}

function attemptPk(compartmentId: string): string {
  return `deletion#${compartmentId}`
}

/** Answers as soon as the deletion is durable. @returns the id of the work request; again the same while it lasts. */
export async function deleteCompartment(
  ports: ReplicationPorts & CompartmentPorts,
  tenancyId: string,
  mutation: Mutation,
  compartmentId: string,
): Promise<string> {
  const workRequestId = newOcid(ports.random, 'workrequest')
  const row = await changeIdentity<SubcompartmentRow, SubcompartmentRow>(ports, tenancyId, mutation, {
    resourceId: compartmentId,
    earlier: (earlier) => compartmentOfEarlier(ports, tenancyId, earlier),
    load: () => requireSubcompartment(ports, tenancyId, compartmentId),
    etagOf: (compartment) => compartment.etag,
    judge: async (compartment) => {
      if (compartment.lifecycleState === 'DELETING') return { standing: compartment }
      await requireCompartmentActive(ports, tenancyId, compartmentId)
      await requireEmpty(ports, await ports.identity.freshTenancy(tenancyId), compartmentId)
      const work = {
        operationType: 'DELETE_COMPARTMENT',
        timeAccepted: new Date(ports.clock()).toISOString(),
        timeFinished: null,
        error: null,
      } as const
      const etag = newEtag(ports.random)
      const next = { ...compartment, lifecycleState: 'DELETING', workRequestId, work, etag } as const
      return {
        puts: [next],
        effect: { ...compartmentEffect(next, compartment), suffix: '.begin' },
        etag: next.etag,
        also: (begin): readonly Write[] => {
          const item: BeginRow = { pk: attemptPk(compartmentId), sk: workRequestId, begin }
          return [{ op: 'put', table: 'Replication', item }]
        },
        result: () => requireSubcompartment(ports, tenancyId, compartmentId),
      }
    },
  })
  // Asked again: what got lost on the way is said again.
  if (row.workRequestId !== workRequestId) await driveDeletion(ports, tenancyId, compartmentId)
  return row.workRequestId ?? workRequestId
}

/** What stands in the way here is refused at once; what does elsewhere is for the votes to tell. */
async function requireEmpty(
  ports: ReplicationPorts,
  { compartments, policies }: Pick<TenancyIdentity, 'compartments' | 'policies'>,
  compartmentId: string,
): Promise<void> {
  const child = compartments.find((row) => row.parentId === compartmentId && row.lifecycleState !== 'DELETED')
  const policy = policies.find((row) => row.compartmentId === compartmentId)
  const id = child?.id ?? policy?.id ?? (await firstContained(ports, compartmentId))
  if (id === undefined) return
  throw new KmsError('conflict', `The compartment is not empty: ${id} is in it. Move or delete what is in it first.`)
}

async function driveDeletion(ports: ReplicationPorts, tenancyId: string, compartmentId: string): Promise<void> {
  const row = await requireSubcompartment(ports, tenancyId, compartmentId)
  if (row.lifecycleState !== 'DELETING') return
  const { votes } = await attemptOf(ports, row)
  const silent = peersOf(ports).filter((peer) => !votes.some(({ region }) => region === peer))
  await Promise.all(silent.map((peer) => resendEntry(ports, tenancyId, row.seq, peer)))
  await decideDeletion(ports, tenancyId, compartmentId)
}

function peersOf({ regions, region }: ReplicationPorts): readonly string[] {
  return regions.filter((peer) => peer !== region)
}

async function attemptOf({ tables }: ReplicationPorts, { id, workRequestId }: SubcompartmentRow) {
  const { items } = await tables.query('Replication', attemptPk(id), workRequestId ?? '', { limit: 1000 })
  const begin = items.find(({ sk }) => sk === workRequestId) as BeginRow | undefined
  const votes = items.filter(({ sk }) => sk !== workRequestId) as readonly Item[] as readonly VoteRow[]
  return { items, begin, votes }
}

/** A region's vote on an attempt that is still open. It may come twice. */
export async function onCompartmentVote(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { compartmentId, workRequestId, isEmpty }: BodyOf<'compartmentVote'>,
): Promise<void> {
  requireHomeRegion(ports)
  const row = await requireSubcompartment(ports, tenancyId, compartmentId)
  if (row.lifecycleState !== 'DELETING' || row.workRequestId !== workRequestId) return
  const vote: VoteRow = { pk: attemptPk(compartmentId), sk: `${workRequestId}#${source}`, region: source, isEmpty }
  await ports.tables.write([{ op: 'put', table: 'Replication', item: vote }])
  await decideDeletion(ports, tenancyId, compartmentId)
}

/** Ends a deletion once the votes suffice. Called with every vote and by the stream, so that a crash ends none of it. */
export async function decideDeletion(ports: ReplicationPorts, tenancyId: string, compartmentId: string): Promise<void> {
  if (ports.region !== ports.homeRegion) return
  await untilCommitted(ports, async () => {
    const after = await headSeq(ports, tenancyId)
    const row = await requireSubcompartment(ports, tenancyId, compartmentId)
    if (row.lifecycleState !== 'DELETING') return 'decided'
    const { items, begin, votes } = await attemptOf(ports, row)
    const verdict = await verdictOf(ports, row, votes)
    if (verdict === undefined) return 'open'
    const isDeleted = verdict.lifecycleState === 'DELETED'
    const deletes = isDeleted ? [identitySk.compartmentName(row.parentId, row.name)] : []
    const puts = [{ ...row, lifecycleState: verdict.lifecycleState, ...finished(row, verdict, ports.clock()) }]
    const isDone = await appendIdentity(ports, tenancyId, { after, puts, deletes }, [
      ...items.map(({ pk, sk }): Write => ({ op: 'delete', table: 'Replication', pk, sk })),
      ...(begin === undefined ? [] : markedAuditWrites(endOf(begin.begin, ports.clock(), ports.random, verdict))),
    ])
    return isDone ? 'decided' : undefined
  })
}

type Verdict =
  { readonly lifecycleState: 'DELETED' } | { readonly lifecycleState: 'ACTIVE'; readonly notEmptyIn: string }

/** A deletion that an older version began has no account of it. */
function finished({ work }: SubcompartmentRow, verdict: Verdict, now: number): Pick<SubcompartmentRow, 'work'> {
  if (work === undefined) return {}
  const error = 'notEmptyIn' in verdict ? `The compartment is not empty in ${verdict.notEmptyIn}.` : null
  return { work: { ...work, timeFinished: new Date(now).toISOString(), error } }
}

/** Undefined while a region has not voted. */
async function verdictOf(
  ports: ReplicationPorts,
  { id }: SubcompartmentRow,
  votes: readonly VoteRow[],
): Promise<Verdict | undefined> {
  const isEmptyHere = (await firstContained(ports, id)) === undefined
  const notEmptyIn = isEmptyHere ? votes.find(({ isEmpty }) => !isEmpty)?.region : ports.region
  if (notEmptyIn !== undefined) return { lifecycleState: 'ACTIVE', notEmptyIn }
  const haveAllVoted = peersOf(ports).every((peer) => votes.some(({ region }) => region === peer))
  return haveAllVoted ? { lifecycleState: 'DELETED' } : undefined
}
