/**
 * An epoch says which region writes a vault: `(n, region)`, compared in that order. It is stored as text that sorts the
 * same way, so that one string comparison inside a table condition decides.
 */
export type Epoch = string

/** The place of a row in the order of writing. Revisions start at 1 within a resource and never repeat in an epoch. */
export interface Order {
  readonly epoch: Epoch
  readonly revision: number
}

export function firstEpoch(region: string): Epoch {
  return epochOf(1, region)
}

export function epochOf(n: number, region: string): Epoch {
  return `${String(n).padStart(10, '0')}.${region}`
}

/** True where `a` is at or after `b`. */
export function isAtLeast(a: Order | undefined, b: Order): boolean {
  return a !== undefined && (a.epoch > b.epoch || (a.epoch === b.epoch && a.revision >= b.revision))
}
