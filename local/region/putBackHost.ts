import { takeBackHost, type TakeBackHost } from '../../lib/replication/takeBack/takeBackHost.ts'
import { forgetBehind } from '../../lib/replication/takeBack/foundBehind.ts'
import { missingChanges, type MissingChanges } from '../../lib/replication/takeBack/missingChanges.ts'
import { auditRecovery, type PutBack } from '../../lib/replication/takeBack/recover.ts'
import type { CommitMark } from '../../lib/commitMark.ts'
import type { Region } from './region.ts'

/** What is asked of a region when one of them was put back to an older copy of its data. As in RegionHost. */
export interface PutBackHost extends TakeBackHost {
  /** What of it is missing here; undefined: nothing. */
  missingChanges(known: CommitMark): Promise<MissingChanges | undefined>
  /** The end: it counts on from what its peers know, and says so in /healthz and in the audit. */
  endPutBack(putBack: PutBack, tenancyIds: readonly string[]): Promise<void>
}

export function putBackHost(region: Region): PutBackHost {
  const { runtime, store } = region
  return {
    ...takeBackHost(runtime),
    missingChanges: async (known) =>
      missingChanges({ has: store.tables.commitMark(), runOf: (mark) => store.runs.of(mark) }, known),
    endPutBack: async (putBack, tenancyIds) => {
      await auditRecovery(runtime, tenancyIds, putBack)
      await store.tables.raiseCommitMark(putBack.knownChanges)
      store.runs.beginAnew(store.tables.commitMark())
      await forgetBehind(store.tables)
      region.notePutBack(putBack)
    },
  }
}
