import { putBackHost as askedOf, type PutBackHost as AskedOf } from '../../lib/replication/takeBack/putBackHost.ts'
import { auditRecovery, type PutBack } from '../../lib/replication/takeBack/recover.ts'
import type { Region } from './startRegion.ts'

/** What is asked of a region when one of them was put back to an older copy of its data. As in RegionHost. */
export interface PutBackHost extends AskedOf {
  /** How many changes this region ever committed. */
  commitMark(): Promise<number>
  /** The end: it counts on from what its peers know, and says so in /healthz and in the audit. */
  endPutBack(putBack: PutBack, tenancyIds: readonly string[]): Promise<void>
}

export function putBackHost(region: Region): PutBackHost {
  const { runtime, store } = region
  return {
    ...askedOf(runtime),
    commitMark: async () => store.tables.commitMark(),
    endPutBack: async (putBack, tenancyIds) => {
      await auditRecovery(runtime, tenancyIds, putBack)
      await store.tables.raiseCommitMark(putBack.knownChanges)
      region.notePutBack(putBack)
    },
  }
}
