import { KmsError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import { checkMarks, standingOf, type MarkPorts, type StandingRow } from './tableMarks.ts'

/** How often an instance looks whether `reconcile` has found the tables put back. */
const pollMs = 10_000
/** A look of `reconcile` that is older says nothing: the row may lie in a table that was put back itself. */
const staleMs = 600_000

export interface TableStandingPorts extends MarkPorts {
  readonly region: string
  readonly log: Logger
  /** Told each time that `reconcile` finds the tables put back. */
  readonly onPutBack: () => void
}

/**
 * Whether this region's tables are those that it wrote last. `reconcile` compares them once a minute, and every instance reads
 * what it found before it serves anybody. Where that is old, as in a table that was put back, the instance asks the peers itself.
 */
export class TableStanding {
  readonly #ports: TableStandingPorts
  #mark: number | undefined
  #readAt = -Infinity
  #askedAt = -Infinity
  #reading: Promise<void> | undefined

  constructor(ports: TableStandingPorts) {
    this.#ports = ports
  }

  /** As ReplicationPorts.commitMark: never more than what is in the tables. */
  get mark(): number {
    return this.#mark ?? 0
  }

  /** As MarkPorts. */
  known(): Promise<number> {
    return this.#ports.known()
  }

  /** @throws KmsError unavailable where the tables were put back, and nobody has said yet what is to become of it. */
  require(): Promise<void> {
    if (this.#ports.clock() - this.#readAt < pollMs) return Promise.resolve()
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** What `reconcile` does first. @throws KmsError unavailable as `require`. */
  async check(): Promise<void> {
    const found = await checkMarks(this.#ports)
    if ('mark' in found) {
      this.#mark = found.mark
      return
    }
    this.#ports.onPutBack()
    const message = 'The tables of this region were put back to an older point in time: npm run put-back recovers them.'
    this.#ports.log.error(message, undefined, { ...found.putBack })
    throw putBackError(this.#ports.region)
  }

  async #read(): Promise<void> {
    const { tables, clock, region } = this.#ports
    let row: StandingRow | undefined
    try {
      row = await standingOf(tables)
    } catch (cause) {
      if (this.#mark === undefined) throw cause
      // What was known of the tables stays good while they cannot be asked.
      return
    }
    if (row?.putBack != null || (await this.#isBehind(row))) throw putBackError(region)
    this.#mark = row?.revision ?? 0
    this.#readAt = clock()
  }

  async #isBehind(row: StandingRow | undefined): Promise<boolean> {
    const now = this.#ports.clock()
    if (now - Math.max(row?.checkedAt ?? -Infinity, this.#askedAt) < staleMs) return false
    const isBehind = (await this.#ports.known()) > (row?.revision ?? 0)
    if (!isBehind) this.#askedAt = now
    return isBehind
  }
}

function putBackError(region: string): KmsError {
  const message = `${region} does not serve now: its tables are an older copy. Whoever runs it must recover them first.`
  return new KmsError('unavailable', message, { retryAfter: 60 })
}
