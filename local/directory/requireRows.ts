import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { UserError } from '../../lib/userError.ts'
import { keptState, type KeptState } from '../hsm/keptState.ts'
import { typed } from '../typed.ts'

/**
 * Whoever starts where an HSM's state is and its rows are not would make a new cloud in its place: what stands in tokens for
 * the vaults of the old one would be nobody's, and be destroyed. @throws UserError, before anything is made
 */
export function requireRowsOfStates(path: string, stored: readonly string[], isApart: boolean): void {
  const lacking = statesIn(path).filter(([region, state]) => !stored.includes(region) && knows(state, isApart))
  if (lacking.length === 0) return
  const states = lacking.map(([region]) => `${path}/hsm/${region}.json`).join(' and ')
  const rows = lacking.map(([region]) => `regions/${region}.db`).join(', ')
  throw noRows(
    `${states} ${lacking.length === 1 ? 'knows' : 'know'} a tenancy, and its rows are missing (${rows})`,
    path,
  )
}

/** The same of a region whose database is there and empty, or a new one. @throws UserError */
export function requireRows(database: SqliteRegionStore['database'], path: string | undefined, region: string): void {
  const state = path === undefined ? undefined : stateIn(join(path, 'hsm', `${region}.json`))
  if (path === undefined || state === undefined) return
  const head = database.prepare("SELECT 1 FROM item WHERE tbl = 'Identity' AND pk = ? AND sk = ?")
  const lacked = readTenancies(state).find((tenancyId) => head.get(tenancyId, identitySk.head) === undefined)
  if (lacked === undefined) return
  throw noRows(
    `${path}/hsm/${region}.json knows the tenancy ${lacked}, of which regions/${region}.db has nothing: it is empty, or another’s`,
    path,
  )
}

function noRows(what: string, path: string): UserError {
  return new UserError(
    `${what}. A start would make a new cloud in its place. Restore the snapshot first, into a directory that is not there yet: ${typed('restore', 'SNAPSHOT', '--data', 'NEW')}; where the tokens are lost too, hsm restore into that one comes next. Or put the files back from a copy of ${path}, or start anew with another --data. Nothing was changed.`,
  )
}

/** Of the regions; whatever else lies there is no state. */
export function statesIn(path: string): readonly (readonly [string, KeptState])[] {
  const folder = join(path, 'hsm')
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const region = /^([^.]+)\.json$/.exec(name)?.[1]
    const state = region === undefined ? undefined : stateIn(join(folder, name))
    return region === undefined || state === undefined ? [] : [[region, state] as const]
  })
}

function stateIn(file: string): KeptState | undefined {
  return existsSync(file) ? keptState(readFileSync(file, 'utf8')) : undefined
}

/** A region on a machine of its own knows its tenancy before the first start. */
function knows(state: KeptState, isApart: boolean): boolean {
  return (isApart ? readTenancies(state) : Object.keys(state.tenancies)).length > 0
}

/** Whose identity the region has read: rows are written before. */
function readTenancies({ tenancies }: KeptState): readonly string[] {
  return Object.keys(tenancies).filter((tenancyId) => (tenancies[tenancyId]?.identityHead ?? 0) > 0)
}
