import { isKmsError } from '../../errors.ts'
import type { Hsm, RegionStatement } from '../../hsm/hsm.ts'
import type { Clock, Item, Write } from '../../ports.ts'
import {
  headBytes,
  headHash,
  headKey,
  headRows,
  placesDigest,
  signerOf,
  type AuditHead,
  type HeadPlaces,
  type HeadRow,
  type SignerRow,
  type UntoldHeadRow,
} from './auditHead.ts'
import type { Segment } from './writerPlaces.ts'

export interface SignHeadPorts {
  readonly region: string
  readonly hsm: () => Pick<Hsm, 'sign' | 'statement'>
  readonly clock: Clock
  /** As in a head. */
  readonly chainedSince?: string
}

export interface MadeHead {
  readonly head: AuditHead
  /** The head, whose key signed it, and that the other regions are to be told. */
  readonly writes: readonly Write[]
}

export interface NextHead {
  readonly writer: string
  /** The head before; undefined: it is the first. */
  readonly last: AuditHead | undefined
  readonly segment: Segment
  readonly isLast: boolean
}

/** Undefined: none of the tenancies has a statement of this region yet. */
export async function signHead(
  { region, hsm, clock, chainedSince }: SignHeadPorts,
  { writer, last, segment: { links, absent, expiries, ...segment }, isLast }: NextHead,
): Promise<MadeHead | undefined> {
  const { from, to, firstTime, lastTime, tenancies } = segment
  const statements = tenancies.flatMap((tenancyId) => statementOf(hsm(), tenancyId) ?? [])
  const [first] = statements
  if (first === undefined) return undefined
  const places: HeadPlaces = { links, absent, expiries }
  const before = last === undefined ? 0 : last.keptUntil
  const unsigned = {
    format: 'vaultspan/audit-head/1',
    region,
    writer,
    number: (last?.number ?? 0) + 1,
    from,
    to,
    places: placesDigest(places),
    firstTime,
    lastTime,
    previous: last === undefined ? null : { hash: headHash(last), keptUntil: last.keptUntil },
    keptUntil: before === null || segment.keptUntil === null ? null : Math.max(before, segment.keptUntil),
    isLast,
    ...(chainedSince === undefined ? {} : { chainedSince }),
    signedAt: clock(),
    signer: signerOf(first.publicKey),
  } as const
  const signature = await hsm().sign(headBytes(unsigned))
  const head: AuditHead = { ...unsigned, signature: signature.toString('base64') }
  return { head, writes: headWrites(head, places, statements) }
}

function statementOf(hsm: Pick<Hsm, 'statement'>, tenancyId: string): RegionStatement | undefined {
  try {
    return hsm.statement(tenancyId)
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure')) return undefined
    throw cause
  }
}

function headWrites(head: AuditHead, places: HeadPlaces, statements: readonly RegionStatement[]): readonly Write[] {
  const { keptUntil } = head
  const expiry = keptUntil === null ? {} : { expiresAt: keptUntil }
  const row: HeadRow = { ...headKey(head), ...expiry, head, places }
  const [{ tenancyId } = { tenancyId: '' }] = statements
  const untold: UntoldHeadRow = {
    pk: headRows.untoldPk,
    sk: head.writer,
    ...expiry,
    revision: head.number,
    tenancyId,
    head,
  }
  const signers = statements.slice(0, maxStatements).map((statement): SignerRow => ({
    pk: headRows.signerPk,
    sk: `${head.signer}#${statement.tenancyId}`,
    statement: { ...statement },
  }))
  return [row, untold, ...signers].map((item: Item) => ({ op: 'put', table: 'Audit', item }))
}

/** More tenancies than these wait for a head of their own events first. */
const maxStatements = 20
