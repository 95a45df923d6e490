import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

interface StoredRow {
  readonly tbl: string
  readonly pk: string
  readonly sk: string
  readonly mac: string
}

/**
 * Compares the rows of vaults and their keys in two regions' files, each row told by its MAC; says what differs first. No
 * process may use the files.
 */
export function storedDifference(
  directory: string,
  regions: readonly [string, string],
  vaultIds: readonly string[],
): { readonly rows: number; readonly difference: string | undefined } {
  const [mine, theirs] = regions.map((region) => rowsIn(join(directory, 'regions', `${region}.db`), vaultIds))
  if (mine === undefined || theirs === undefined) throw new Error('There are no two regions.')
  for (const name of new Set([...mine.keys(), ...theirs.keys()])) {
    if (mine.get(name) === theirs.get(name)) continue
    const difference = `${name} has ${mine.get(name) ?? 'no row'} in ${regions[0]} and ${theirs.get(name) ?? 'no row'} in ${regions[1]}`
    return { rows: mine.size, difference }
  }
  return { rows: mine.size, difference: undefined }
}

function rowsIn(file: string, vaultIds: readonly string[]): ReadonlyMap<string, string> {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const rows = database
      .prepare(
        `SELECT tbl, pk, sk, json_extract(body, '$.mac') AS mac FROM item
         WHERE tbl IN ('Vaults', 'Keys') AND json_extract(body, '$.mac') IS NOT NULL
           AND coalesce(json_extract(body, '$.vaultId'), pk) IN (SELECT value FROM json_each(?))`,
      )
      .all(JSON.stringify(vaultIds)) as unknown as readonly StoredRow[]
    return new Map(rows.map(({ tbl, pk, sk, mac }) => [`${tbl} ${pk} ${sk}`, mac]))
  } finally {
    database.close()
  }
}
