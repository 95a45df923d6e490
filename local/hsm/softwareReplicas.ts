import { existsSync, readFileSync } from 'node:fs'
import { markedAuditWrites } from '../../lib/kms/audit.ts'
import { operatorEvent } from '../../lib/kms/operatorAudit.ts'
import { vaultSk, type VaultRow } from '../../lib/kms/rows/rows.ts'
import type { Item } from '../../lib/ports.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { linkKey, type LinkRow } from '../../lib/replication/link/links.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { UserError } from '../../lib/userError.ts'
import type { DataFiles, Region } from '../region/region.ts'
import { hasToken, type TokenSettings } from './tokenSettings.ts'

/**
 * What is in a token does not go on to a process elsewhere, unless whoever runs this says so: asked when a replica is made, and
 * here of those that are there, by each start and by hsm migrate. @throws UserError
 */
export function requireReplicasInTokens(
  { database }: Pick<SqliteRegionStore, 'database'>,
  region: string,
  tokens: TokenSettings | null,
  directory: DataFiles,
): void {
  if (tokens === null || tokens.allowsSoftwareReplicas) return
  const found = database
    .prepare(`SELECT body FROM item WHERE tbl = 'Vaults' AND sk = '${vaultSk}'`)
    .all()
    .map(({ body }) => parseJson(String(body)) as VaultRow)
    .find(
      (row) =>
        row.primaryRegion === region &&
        row.replicaRegion !== null &&
        row.lifecycleState !== 'DELETED' &&
        isSimulated(directory, row.replicaRegion, tokens) &&
        hasSent(database, row),
    )
  if (found === undefined) return
  const there = found.replicaRegion ?? ''
  throw new UserError(
    `Vault ${found.id} has a replica in ${there}, which is simulated and has its keys: what is made in the token from now on would go on to its process. Set PKCS11_SOFTWARE_REPLICAS=on where that is meant, or to delete this replica, or while ${there} is to be migrated next. No replica that was refused goes by that. Nothing was changed.`,
  )
}

/** Of a link that was refused nothing goes on, nor of one that is being deleted: it is no reason not to start. */
function hasSent(database: SqliteRegionStore['database'], row: VaultRow): boolean {
  if (row.handOffTo !== null) return true
  const { pk, sk } = linkKey(row)
  const found = database.prepare(`SELECT body FROM item WHERE tbl = 'Replication' AND pk = ? AND sk = ?`).get(pk, sk)
  const link = found === undefined ? undefined : (parseJson(String(found['body'])) as LinkRow)
  return link?.replicaKeys !== undefined
}

/** What the audit was told last; absent: off. */
interface ToldRow extends Item {
  readonly isOn: boolean
}

const toldKey = { pk: 'setting', sk: 'softwareReplicas' } as const

/** Says in the audit that keys of this region's tokens may go on to processes, or may not any more: before any does. */
export async function auditSoftwareReplicas(
  { name, runtime, allowsSoftwareReplicas: isOn }: Pick<Region, 'name' | 'runtime' | 'allowsSoftwareReplicas'>,
  tenancyId: string,
): Promise<void> {
  const { tables } = runtime
  const told = (await tables.get('Replication', toldKey.pk, toldKey.sk)) as ToldRow | undefined
  if ((told?.isOn ?? false) === isOn) return
  const setting = (is: boolean) => ({ PKCS11_SOFTWARE_REPLICAS: is ? 'on' : 'off' })
  const effect = { resourceId: tenancyId, resourceName: name, previous: setting(!isOn), current: setting(isOn) }
  const item: ToldRow = { ...toldKey, isOn }
  await tables.write([
    { op: 'put', table: 'Replication', item },
    ...markedAuditWrites(operatorEvent(runtime, tenancyId, 'SetSoftwareReplicas', effect)),
  ])
}

/** A region whose state is on another machine says itself, with each offer, where its keys are. */
function isSimulated(directory: DataFiles, region: string, tokens: TokenSettings): boolean {
  const file = directory.file('hsm', `${region}.json`)
  if (file === undefined) return !hasToken(tokens, region)
  return existsSync(file) && !readFileSync(file, 'utf8').includes('"vaultspan/pkcs11-hsm/')
}
