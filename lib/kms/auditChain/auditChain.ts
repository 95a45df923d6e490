import { isKmsError } from '../../errors.ts'
import type { Hsm, RegionStatement } from '../../hsm/hsm.ts'
import type { RandomBytes } from '../../ocid.ts'
import type { Clock, Item, Logger, Tables, Write } from '../../ports.ts'
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
import { WriterPlaces, type Fate, type NewItem, type Segment } from './writerPlaces.ts'
import type { ChainPlace } from './chainPlace.ts'

export interface AuditChainPorts {
  readonly region: string
  /** Where heads are written; items of the audit go through `chainedTables`. */
  readonly tables: Pick<Tables, 'write'>
  readonly hsm: () => Pick<Hsm, 'sign' | 'statement'>
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Logger
}

interface MadeHead {
  readonly head: AuditHead
  readonly writes: readonly Write[]
}

/**
 * The chain of this process's audit events. Its places are given out before the writes and without waiting for them, so
 * that changes go on side by side; what became of a write is told afterwards, and a head says it under a signature.
 */
export class AuditChain {
  readonly #ports: AuditChainPorts
  readonly #places: WriterPlaces
  #sealing: Promise<unknown> = Promise.resolve()
  #last: AuditHead | undefined
  /** Made, and not known to be in the table: it is written again as it is, because another in its place would be a fork. */
  #made: MadeHead | undefined
  #sealedAt: number
  /** Of the last head. */
  #tenancies: readonly string[] = []

  constructor(ports: AuditChainPorts) {
    this.#ports = ports
    this.#places = new WriterPlaces(Buffer.from(ports.random(16)).toString('hex'))
    this.#sealedAt = ports.clock()
  }

  get writer(): string {
    return this.#places.writer
  }

  /** How many places no head covers yet. */
  get waiting(): number {
    return this.#places.waiting
  }

  take(item: NewItem): ChainPlace {
    return this.#places.take(item)
  }

  settle(seq: number, fate: Fate): void {
    this.#places.settle(seq, fate)
  }

  /** Signs what no head covers yet, as far as its fate is known. Never rejects: what is not signed now is with the next. */
  seal(): Promise<void> {
    return this.#afterOthers(() => this.#seal(false))
  }

  /** As `seal`, where the last head is so old or a head's worth waits. */
  async sealIfDue(intervalMs: number): Promise<void> {
    const isDue = this.#ports.clock() - this.#sealedAt >= intervalMs || this.#places.waiting >= 500
    if (isDue && this.#places.waiting > 0) await this.seal()
  }

  /** Says under a signature that nothing comes after it. Nothing may be written any more. */
  close(): Promise<void> {
    return this.#afterOthers(() => this.#seal(true))
  }

  #afterOthers(work: () => Promise<void>): Promise<void> {
    const done = this.#sealing.then(work).catch((cause: unknown) => {
      this.#ports.log.error('A head of the audit could not be written; it is tried again.', cause)
    })
    this.#sealing = done
    return done
  }

  async #seal(isEnd: boolean): Promise<void> {
    this.#sealedAt = this.#ports.clock()
    for (;;) {
      const segment = this.#made === undefined ? (this.#places.segment() ?? this.#end(isEnd)) : undefined
      if (segment !== undefined) this.#made = await this.#head(segment, isEnd)
      if (this.#made === undefined) return
      const { head, writes } = this.#made
      await this.#ports.tables.write(writes)
      this.#places.sealed(head.to)
      this.#last = head
      this.#made = undefined
    }
  }

  /** No more places, where the last head did not know yet that it is the last. */
  #end(isEnd: boolean): Segment | undefined {
    if (!isEnd || this.#last === undefined || this.#last.isLast || this.#places.waiting > 0) return undefined
    const { to, firstTime, lastTime, keptUntil } = this.#last
    const none = { links: [], absent: [], expiries: [] }
    return { ...none, from: to + 1, to, firstTime, lastTime, keptUntil, tenancies: [...this.#tenancies] }
  }

  /** Undefined: none of the tenancies has a statement of this region yet. */
  async #head({ links, absent, expiries, ...segment }: Segment, isEnd: boolean): Promise<MadeHead | undefined> {
    const { region, hsm, clock } = this.#ports
    const { from, to, firstTime, lastTime, tenancies } = segment
    const statements = tenancies.flatMap((tenancyId) => statementOf(hsm(), tenancyId) ?? [])
    const [first] = statements
    if (first === undefined) return undefined
    this.#tenancies = tenancies
    const places: HeadPlaces = { links, absent, expiries }
    const last = this.#last
    const before = last === undefined ? 0 : last.keptUntil
    const unsigned = {
      format: 'vaultspan/audit-head/1',
      region,
      writer: this.#places.writer,
      number: (last?.number ?? 0) + 1,
      from,
      to,
      places: placesDigest(places),
      firstTime,
      lastTime,
      previous: last === undefined ? null : { hash: headHash(last), keptUntil: last.keptUntil },
      keptUntil: before === null || segment.keptUntil === null ? null : Math.max(before, segment.keptUntil),
      isLast: isEnd && this.#places.waiting === to - from + 1,
      signedAt: clock(),
      signer: signerOf(first.publicKey),
    } as const
    const signature = await hsm().sign(headBytes(unsigned))
    const head: AuditHead = { ...unsigned, signature: signature.toString('base64') }
    return { head, writes: headWrites(head, places, statements) }
  }
}

function statementOf(hsm: Pick<Hsm, 'statement'>, tenancyId: string): RegionStatement | undefined {
  try {
    return hsm.statement(tenancyId)
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure')) return undefined
    throw cause
  }
}

/** The head, whose key signed it, and that the other regions are to be told. */
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
