import { DatabaseSync } from 'node:sqlite'

/** A vault or a replica in a region's file that is not deleted for good. */
export interface StandingVault {
  readonly replicaRegion: string | null
}

/** Reads a region's file that no store has open, and leaves it as it is. */
export function standingVaults(file: string): readonly StandingVault[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const rows = database
      .prepare(
        `SELECT json_extract(body, '$.replicaRegion') AS replicaRegion FROM item
         WHERE tbl = 'Vaults' AND json_extract(body, '$.lifecycleState') <> 'DELETED'`,
      )
      .all()
    return rows.map(({ replicaRegion }) => ({
      replicaRegion: typeof replicaRegion === 'string' ? replicaRegion : null,
    }))
  } finally {
    database.close()
  }
}
