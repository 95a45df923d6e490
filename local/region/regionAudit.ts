import type { Hsm } from '../../lib/hsm/hsm.ts'
import type { AuditText } from '../../lib/kms/audit.ts'
import { AuditChain } from '../../lib/kms/auditChain/auditChain.ts'
import { chainedTables, type ChainedTables } from '../../lib/kms/auditChain/chainedTables.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { pooledRandom } from '../../lib/pooledRandom.ts'
import { tellAuditHeads } from '../../lib/replication/auditHeads.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { systemTimers } from '../../lib/runtime/systemTimers.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { chainedSince } from './chainedSince.ts'
import { endFormerWriters } from './formerWriters.ts'
import type { RegionParts } from './region.ts'

/** The audit of a region: everything it writes there is one chain, of this process, whose heads go to its peers. */
export interface RegionAudit {
  readonly sink: GroupedAuditSink
  /** In which whatever is written to the audit gets its place in the chain. */
  readonly tables: ChainedTables
  /** Tells the peers from now on, and signs the end of a process before this one that died. */
  run(runtime: Runtime): void
  /** Writes what waits and says that nothing comes after it. */
  close(): Promise<void>
}

/** So much of the chain's end has no signature yet when the process dies. */
const sealMs = 10_000

export function openRegionAudit(
  { region, settings, log, clock }: Pick<RegionParts, 'region' | 'settings' | 'log' | 'clock'>,
  store: SqliteRegionStore,
  hsm: Hsm,
  collect: () => readonly AuditText[],
): RegionAudit {
  const ports = { region, hsm: () => hsm, clock, log, chainedSince: chainedSince(store, clock) }
  const chain = new AuditChain({ ...ports, tables: store.tables, random: pooledRandom() })
  const tables = chainedTables(store.tables, chain)
  const { cryptoAudit: crypto } = settings
  const sink = new GroupedAuditSink(tables, { flushMs: 100, crypto, log, timers: systemTimers, collect })
  let tell = async () => {}
  let telling = Promise.resolve()
  let former = Promise.resolve()
  const tellOthers = (): Promise<void> => {
    telling = telling.then(tell).catch((cause: unknown) => {
      log.error('The heads of the audit could not be told to the other regions.', cause)
    })
    return telling
  }
  const timer = setInterval(() => {
    if (chain.waiting > 0) void chain.seal().then(tellOthers)
  }, sealMs).unref()
  return {
    sink,
    tables,
    run: (runtime) => {
      tell = () => tellAuditHeads(runtime)
      former = endFormerWriters(ports, store, chain.writer).catch((cause: unknown) => {
        log.error(
          'The end of an earlier process in the audit could not be signed; the next start tries it again.',
          cause,
        )
      })
    },
    close: async () => {
      clearInterval(timer)
      await former
      await sink.close()
      await chain.close()
      await tellOthers()
    },
  }
}
