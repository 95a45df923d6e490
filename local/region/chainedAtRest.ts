import { randomBytes, randomUUID } from 'node:crypto'
import type { Hsm } from '../../lib/hsm/hsm.ts'
import { markedAuditWrites } from '../../lib/kms/audit.ts'
import { AuditChain } from '../../lib/kms/auditChain/auditChain.ts'
import { chainedTables, type ChainedTables } from '../../lib/kms/auditChain/chainedTables.ts'
import { operatorEvent, type OperatorAct, type OperatorEffect } from '../../lib/kms/operatorAudit.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { chainedSince } from './chainedSince.ts'

/** A region whose service does not run. */
export interface RegionAtRest {
  readonly region: string
  readonly store: SqliteRegionStore
  readonly hsm: Hsm
}

/**
 * What a command writes to the audit of a region at rest is a chain of its own, with its end signed; the next start tells
 * the other regions. Where the end could not be signed, the next start does it, as of a process that died.
 */
export async function withChainAtRest<T>(
  { region, store, hsm }: RegionAtRest,
  work: (tables: ChainedTables) => Promise<T>,
): Promise<T> {
  const log = { info: nothing, warn: nothing, error: nothing }
  const ports = { region, hsm: () => hsm, clock: Date.now, log, chainedSince: chainedSince(store, Date.now) }
  const chain = new AuditChain({ ...ports, tables: store.tables, random: randomBytes })
  try {
    return await work(chainedTables(store.tables, chain))
  } finally {
    await chain.close()
  }
}

/** Writes what an operator does into the audit of a region whose service does not run. */
export async function auditAtRest(
  { region, file, hsm }: Pick<RegionAtRest, 'region' | 'hsm'> & { readonly file: string },
  tenancyId: string,
  act: OperatorAct,
  effect: OperatorEffect,
): Promise<void> {
  const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
  try {
    const event = operatorEvent({ clock: Date.now, random: randomBytes }, tenancyId, act, effect)
    await withChainAtRest({ region, store, hsm }, (tables) => tables.write(markedAuditWrites(event)))
  } finally {
    store.close()
  }
}

function nothing(): void {
  // The next start says what it finds.
}
