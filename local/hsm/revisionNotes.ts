import { diskRefusal } from '../../lib/diskRefusal.ts'
import type { RevisionNotes } from '../../lib/hsm/stateRevision.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

/** In the region's own database: a copy of that and a copy of the HSM's state are of one moment, or a start says so. */
export function revisionNotes({ database }: Pick<SqliteRegionStore, 'database'>): RevisionNotes {
  const known = database.prepare('SELECT revision FROM hsm_state')
  const note = database.prepare(
    'INSERT INTO hsm_state VALUES (1, ?) ON CONFLICT DO UPDATE SET revision = max(revision, excluded.revision)',
  )
  return {
    known: () => Number(known.get()?.['revision'] ?? 0),
    note: (revision) => {
      try {
        note.run(revision)
      } catch (cause) {
        throw diskRefusal(cause)
      }
    },
  }
}
