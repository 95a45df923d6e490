import type { Item, Tables, Write } from '../../ports.ts'

/**
 * When a key version began to exist in this region, and when it ended: two rows that are written once and never changed.
 * A day counts where the version existed at any time of it.
 */
export interface MeterRow extends Item {
  readonly keyVersionId: string
  readonly keyId: string
  readonly vaultId: string
  readonly isPrimary: boolean
  /** YYYY-MM-DD, UTC. */
  readonly day: string
}

/** What of a version's row the meter reads. */
export interface MeteredVersion {
  readonly id: string
  readonly keyId: string
  readonly vaultId: string
  readonly timeCreated: string
  readonly isDeleted: boolean
}

export function meterPk(tenancyId: string): string {
  return `meter#${tenancyId}`
}

interface Place {
  readonly tenancyId: string
  /** Whether this region is the vault's primary; a replica counts from the day on which it got the version. */
  readonly isPrimary: boolean
  /** Unix milliseconds. */
  readonly now: number
}

type MeterTables = Pick<Tables, 'query' | 'write'>

/** Called with every change of a version's row, as often as the stream likes. */
export async function meterVersion(tables: MeterTables, version: MeteredVersion, place: Place): Promise<void> {
  if (version.isDeleted) return meterEnd(tables, place.tenancyId, version.id, place.now)
  const { items } = await tables.query('Audit', meterPk(place.tenancyId), `${version.id}#`, { limit: 1000 })
  const last = items.at(-1)
  if (last !== undefined && !last.sk.endsWith(ended)) return
  const day = place.isPrimary && last === undefined ? version.timeCreated.slice(0, 10) : dayOf(place.now)
  const row: MeterRow = {
    pk: meterPk(place.tenancyId),
    sk: `${version.id}#${String(items.length).padStart(6, '0')}#begin`,
    keyVersionId: version.id,
    keyId: version.keyId,
    vaultId: version.vaultId,
    isPrimary: place.isPrimary,
    day,
  }
  await tables.write([{ op: 'put', table: 'Audit', item: row, condition: { kind: 'absent' } }])
}

/** The end of a version that was deleted, or that goes without a tombstone: its replica was deleted. */
export async function meterEnd(tables: MeterTables, tenancyId: string, versionId: string, now: number): Promise<void> {
  const { items } = await tables.query('Audit', meterPk(tenancyId), `${versionId}#`, { limit: 1000 })
  const last = items.at(-1)
  if (last !== undefined && !last.sk.endsWith(ended)) await tables.write([endOf(last as MeterRow, now)])
}

export const ended = '#end'

function endOf(begin: MeterRow, now: number): Write {
  const { writeId: _written, ...row } = begin
  const item = { ...row, sk: `${begin.sk.slice(0, -'#begin'.length)}${ended}`, day: dayOf(now) }
  return { op: 'put', table: 'Audit', item, condition: { kind: 'absent' } }
}

export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10)
}
