import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  openSqliteRegionStore,
  type SqliteRegionStore,
  type SqliteRegionStoreOptions,
} from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import type { QueueHarness } from './queueContract.ts'
import type { TableHarness } from './tableHarness.ts'

const hour = 3_600_000
const day = 24 * hour

/** A store under test: its clock stands still unless moved. */
export interface StoreHarness extends TableHarness, QueueHarness {
  readonly tables: SqliteRegionStore['tables']
  readonly queues: SqliteRegionStore['queues']
  readonly database: SqliteRegionStore['database']
  readonly isRefused: SqliteRegionStore['isRefused']
}

export function openStore(file: string, options: Partial<SqliteRegionStoreOptions> = {}): StoreHarness {
  let time = 1_800_000_000_000
  let ids = 0
  const store = openSqliteRegionStore({
    file,
    clock: () => time,
    newId: () => {
      ids += 1
      return `message-${process.pid}-${Date.now()}-${ids}`
    },
    queues: {
      inbox: { visibilityMs: 30_000, maxReceives: 3, retentionMs: hour },
      inboxDlq: { visibilityMs: 30_000, retentionMs: 14 * day },
      outbox: { visibilityMs: 30_000, retentionMs: 14 * day },
    },
    ...options,
  })
  return {
    ...store,
    advance: (ms) => {
      time += ms
    },
    now: () => time,
    commitsInOrder: true,
    showsExpired: false,
    commitGrainMs: 0,
    changes: () => store.tables.readChanges(0, 10_000),
    sweep: async () => {
      await store.tables.sweepExpired(1000)
    },
    close: async () => {
      store.close()
    },
  }
}

/** Gives the test a file's name in a directory of its own, and removes both. */
export async function withFile(body: (file: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-store-'))
  try {
    await body(join(directory, 'region.sqlite'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** A store on a file that vanishes with it. */
export async function openFileStore(): Promise<StoreHarness> {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-store-'))
  const harness = openStore(join(directory, 'region.sqlite'))
  const close = async (): Promise<void> => {
    await harness.close()
    rmSync(directory, { recursive: true })
  }
  return { ...harness, close }
}
