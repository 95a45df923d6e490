import { DatabaseSync } from 'node:sqlite'

/** A vault or a replica in a region's file that is not deleted for good. */
export interface VaultInFile {
  readonly id: string
  readonly replicaRegion: string | null
  readonly primaryRegion: string | null
}

/** Reads a region's file that no store has open, and leaves it as it is. */
export function vaultsInFile(file: string): readonly VaultInFile[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const rows = database
      .prepare(
        `SELECT pk AS id, json_extract(body, '$.replicaRegion') AS replicaRegion, json_extract(body, '$.primaryRegion') AS primaryRegion FROM item
         WHERE tbl = 'Vaults' AND json_extract(body, '$.lifecycleState') <> 'DELETED'`,
      )
      .all()
    const text = (value: unknown) => (typeof value === 'string' ? value : null)
    return rows.map(({ id, replicaRegion, primaryRegion }) => ({
      id: String(id),
      replicaRegion: text(replicaRegion),
      primaryRegion: text(primaryRegion),
    }))
  } finally {
    database.close()
  }
}
