import type { AuditText } from '../../lib/kms/audit.ts'

/**
 * Events of the audit on their way from a worker to its region, in memory that both have: an event is there for the region
 * to take before the worker goes on, and stays there when the worker dies. One writes, one reads.
 */
export interface EventRing {
  readonly bytes: SharedArrayBuffer
  /** Where the next event is written and read, and whether the reader was told since it last read. */
  readonly places: Int32Array
}

const writePlace = 0
const readPlace = 1
const told = 2
const size = 4 * 1024 * 1024
const lengthBytes = 4
/** Instead of a length: the next event is at the start. */
const atStart = -1

export function eventRing(bytes = size): EventRing {
  return {
    bytes: new SharedArrayBuffer(bytes),
    places: new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT)),
  }
}

/** A line for each part; none has a line break, JSON neither. */
export function lineOf({ eventTime, eventId, compartmentId, tenancyId, digest, expiresAt, text }: AuditText): string {
  return `${eventTime}\n${eventId}\n${compartmentId}\n${tenancyId}\n${digest}\n${expiresAt ?? ''}\n${text}`
}

export function eventIn(line: string): AuditText {
  let from = 0
  const next = () => {
    const to = line.indexOf('\n', from)
    const part = line.slice(from, to)
    from = to + 1
    return part
  }
  const [eventTime, eventId, compartmentId, tenancyId, digest, expiresAt] = [
    next(),
    next(),
    next(),
    next(),
    next(),
    next(),
  ]
  return {
    eventTime,
    eventId,
    compartmentId,
    tenancyId,
    digest,
    expiresAt: expiresAt === '' ? undefined : Number(expiresAt),
    text: line.slice(from),
  }
}

export class EventWriter {
  readonly #places: Int32Array
  readonly #lengths: Int32Array
  readonly #bytes: Buffer
  /** Wakes the reader; called once for all events until it reads. */
  readonly #wake: () => void

  constructor({ bytes, places }: EventRing, wake: () => void) {
    this.#places = places
    this.#lengths = new Int32Array(bytes)
    this.#bytes = Buffer.from(bytes)
    this.#wake = wake
  }

  /** False: there is no room until the reader has read. */
  write(line: string): boolean {
    // A character takes three bytes of UTF-8 at most.
    const place = this.#placeFor(lengthBytes + aligned(line.length * 3))
    if (place === undefined) return false
    const written = this.#bytes.write(line, place + lengthBytes, 'utf8')
    this.#lengths[place / lengthBytes] = written
    Atomics.store(this.#places, writePlace, place + lengthBytes + aligned(written))
    if (Atomics.exchange(this.#places, told, 1) === 0) this.#wake()
    return true
  }

  /** INVARIANT: the places are equal only where nothing is to be read, and a length always fits before the end. */
  #placeFor(needed: number): number | undefined {
    const write = Atomics.load(this.#places, writePlace)
    const read = Atomics.load(this.#places, readPlace)
    if (write < read) return needed < read - write ? write : undefined
    if (needed <= this.#bytes.length - write - lengthBytes) return write
    if (needed >= read) return undefined
    this.#lengths[write / lengthBytes] = atStart
    return 0
  }
}

export class EventReader {
  readonly #places: Int32Array
  readonly #lengths: Int32Array
  readonly #bytes: Buffer

  constructor({ bytes, places }: EventRing) {
    this.#places = places
    this.#lengths = new Int32Array(bytes)
    this.#bytes = Buffer.from(bytes)
  }

  /** All that are there, in the order in which they were written. */
  take(): readonly AuditText[] {
    Atomics.store(this.#places, told, 0)
    const end = Atomics.load(this.#places, writePlace)
    const events: AuditText[] = []
    let place = Atomics.load(this.#places, readPlace)
    while (place !== end) {
      const length = this.#lengths[place / lengthBytes] ?? atStart
      if (length === atStart) {
        place = 0
        continue
      }
      const from = place + lengthBytes
      events.push(eventIn(this.#bytes.toString('utf8', from, from + length)))
      place = from + aligned(length)
    }
    Atomics.store(this.#places, readPlace, place)
    return events
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / lengthBytes) * lengthBytes
}
