import { randomUUID } from 'node:crypto'
import type { HsmChange } from '../../lib/hsm/software/hsmCopy.ts'
import { SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { requireRows } from '../directory/requireRows.ts'
import { openRegionHsm } from '../hsm/openRegionHsm.ts'
import { revisionNotes } from '../hsm/revisionNotes.ts'
import { requireReplicasInTokens } from '../hsm/softwareReplicas.ts'
import type { RegionParts } from './region.ts'

export interface HsmAndStore {
  readonly hsm: ReturnType<typeof openRegionHsm>
  readonly store: SqliteRegionStore
  /** Of the store; undefined: in memory. */
  readonly file: string | undefined
}

/** A region's HSM and its rows, each looked at by what the other has. `onChange`: of what its workers' copies must follow. */
export function openHsmAndStore(parts: RegionParts, onChange: (change: HsmChange) => void): HsmAndStore {
  const { region, directory, clock, generateRsa } = parts
  const { tokens } = parts.settings
  const hsm = openRegionHsm({
    region,
    directory,
    tokens,
    onChange,
    ...(generateRsa === undefined ? {} : { generateRsa }),
  })
  // After the HSM's file: a store without one is a store whose HSM was lost.
  const file = directory.file('regions', `${region}.db`)
  const store = openSqliteRegionStore({
    file: file ?? ':memory:',
    hasReaders: parts.workers !== undefined,
    clock,
    newId: randomUUID,
  })
  try {
    // Before the HSM finishes by these rows what was begun for vaults.
    requireRows(store.database, directory.file(), region)
    hsm.guardState(revisionNotes(store))
    if (!(hsm instanceof SoftwareHsm)) requireReplicasInTokens(store, region, tokens, directory)
  } catch (cause) {
    store.close()
    hsm.close()
    throw cause
  }
  return { hsm, store, file }
}
