import { hash } from 'node:crypto'
import type { KeyRow, KeyVersionRow } from './rows.ts'

/**
 * A digest of a set of rows: the sum, modulo 2^256, of each row's SHA-256. Rows are added and taken away one by one, in
 * any order, without reading the others. 64 hex digits.
 */
export type RowsDigest = string

export const noRows: RowsDigest = '0'.repeat(64)

const modulus = 1n << 256n

/** A row is told by its place and its MAC, which covers everything else in it. */
function versionDigest({ sk, mac }: Pick<KeyVersionRow, 'sk' | 'mac'>): RowsDigest {
  return hash('sha256', JSON.stringify(['version', sk, mac]), 'hex')
}

/** One version's row as it was and as it is; undefined: not there. */
export interface VersionStep {
  readonly previous: KeyVersionRow | undefined
  readonly next: KeyVersionRow
}

export function versionsDigest(versions: readonly KeyVersionRow[]): RowsDigest {
  return replaced(noRows, [], versions.map(versionDigest))
}

export function changedVersionsDigest(digest: RowsDigest, steps: readonly VersionStep[]): RowsDigest {
  const gone = steps.flatMap(({ previous }) => (previous === undefined ? [] : [versionDigest(previous)]))
  return replaced(
    digest,
    gone,
    steps.map(({ next }) => versionDigest(next)),
  )
}

/** What a key and all its versions come to. Equal in two regions only where both store the same rows. */
export function keyDigest({ id, mac }: Pick<KeyRow, 'id' | 'mac'>, versions: RowsDigest): RowsDigest {
  return hash('sha256', JSON.stringify(['key', id, mac, versions]), 'hex')
}

/** The sum without some of its parts and with others. */
export function replaced(sum: RowsDigest, gone: readonly RowsDigest[], come: readonly RowsDigest[]): RowsDigest {
  let total = number(sum)
  for (const digest of gone) total += modulus - number(digest)
  for (const digest of come) total += number(digest)
  return (total % modulus).toString(16).padStart(64, '0')
}

function number(digest: RowsDigest): bigint {
  return BigInt(`0x${digest}`)
}
