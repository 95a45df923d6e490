import type { RandomBytes } from '../../ocid.ts'
import type { Logger, Tables } from '../../ports.ts'
import type { AuditHead } from './auditHead.ts'
import type { ChainPlace } from './chainPlace.ts'
import { signHead, type MadeHead, type SignHeadPorts } from './signHead.ts'
import { WriterPlaces, type Fate, type NewItem, type Segment } from './writerPlaces.ts'

export interface AuditChainPorts extends SignHeadPorts {
  /** Where heads are written; items of the audit go through `chainedTables`. */
  readonly tables: Pick<Tables, 'write'>
  readonly random: RandomBytes
  readonly log: Logger
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
      if (segment !== undefined) this.#made = await this.#sign(segment, isEnd)
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

  async #sign(segment: Segment, isEnd: boolean): Promise<MadeHead | undefined> {
    const { writer, waiting } = this.#places
    const tenancies = [...new Set([...segment.tenancies, ...this.#tenancies])]
    const isLast = isEnd && waiting === segment.to - segment.from + 1
    const made = await signHead(this.#ports, { writer, last: this.#last, segment: { ...segment, tenancies }, isLast })
    if (made !== undefined) this.#tenancies = segment.tenancies
    return made
  }
}
