import type { JsonObject } from '../../canonicalJson.ts'
import { identitySk } from '../../kms/identity/identityRows.ts'
import { headSeq } from '../../kms/identity/verifyIdentity.ts'
import { storedVersions } from '../../kms/keys/commitKey.ts'
import { requestSk } from '../../kms/mutation.ts'
import { treePage, type TreePlace } from '../../kms/rows/digestTree.ts'
import { vaultIdsIn } from '../../kms/rows/vaultIdsIn.ts'
import { wrappingKeySk, type VaultRow } from '../../kms/rows/rows.ts'
import type { Item } from '../../ports.ts'
import { knownFence } from '../link/fence.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

/** What a region tells of its rows to another one that was put back to an older copy. All of it can be sent. */

type Ports = Pick<ReplicationPorts, 'tables' | 'cache'>

export interface StandingVault {
  readonly vault: VaultRow & JsonObject
  readonly wrappingKey: JsonObject | null
  readonly request: Item | null
}

export interface StandingVaults {
  readonly vaults: readonly StandingVault[]
  /** Undefined: these were the last. */
  readonly next?: string
}

/** How many rows a page looks at; a vault has some three. */
const rowsAtOnce = 600

/** Some of the vaults and replicas that are here, by primary key: none that stands all the time is missed. */
export async function standingVaultPage(ports: Ports, tenancyId: string, after?: string): Promise<StandingVaults> {
  const request = { limit: rowsAtOnce, ...(after === undefined ? {} : { after }) }
  const { items, next } = await ports.tables.scan('Vaults', request)
  const vaults: StandingVault[] = []
  for (const id of vaultIdsIn(items, tenancyId)) {
    const vault = await ports.cache.freshVault(id)
    if (vault === undefined) continue
    const wrappingKey = (await ports.tables.get('Vaults', id, wrappingKeySk)) ?? null
    vaults.push({ vault: { ...vault.row }, wrappingKey, request: await requestOf(ports, vault.row) })
  }
  return { vaults, ...(next === undefined ? {} : { next }) }
}

/** All of them. */
export async function standingVaults(ports: Ports, tenancyId: string): Promise<readonly StandingVault[]> {
  const found: StandingVault[] = []
  let page = await standingVaultPage(ports, tenancyId)
  for (;;) {
    found.push(...page.vaults)
    if (page.next === undefined) return found
    page = await standingVaultPage(ports, tenancyId, page.next)
  }
}

/** The fence below which nothing of a vault is taken here; 0: there never was a replica of it. */
export async function fenceOf({ tables }: Pick<Ports, 'tables'>, vaultId: string): Promise<number> {
  return (await knownFence(tables, vaultId)) ?? 0
}

export interface StandingKey {
  readonly key: JsonObject
  readonly versions: readonly JsonObject[]
  readonly request: Item | null
}

export interface StandingKeys {
  readonly keys: readonly StandingKey[]
  /** Undefined: these were the last. */
  readonly next?: TreePlace
}

const keysAtOnce = 100

export async function standingKeys(ports: Ports, vaultId: string, from: TreePlace): Promise<StandingKeys> {
  const vault = await ports.cache.freshVault(vaultId)
  if (vault === undefined) return { keys: [] }
  const page = await treePage(ports.tables, vaultId, from, keysAtOnce)
  const keys: StandingKey[] = []
  for (const { sk: keyId } of page.entries) {
    const key = await ports.cache.freshKey(vault.keys, keyId)
    if (key === undefined) continue
    const versions = (await storedVersions(ports.tables, vault, keyId)).map((row) => ({ ...row }))
    keys.push({ key: { ...key }, versions, request: await requestOf(ports, key) })
  }
  return { keys, ...(page.next === undefined ? {} : { next: page.next }) }
}

async function requestOf({ tables }: Pick<Ports, 'tables'>, { request }: { request: string | null }) {
  return request === null ? null : ((await tables.get('Requests', request, requestSk)) ?? null)
}

const entriesAtOnce = 50

/** Entries of the identity log behind one, in their order. */
export async function identityEntries(
  { tables }: Pick<Ports, 'tables'>,
  tenancyId: string,
  after: number,
): Promise<readonly Item[]> {
  if ((await headSeq({ tables }, tenancyId)) <= after) return []
  const request = { limit: entriesAtOnce, after: identitySk.log(after) }
  return (await tables.query('Identity', tenancyId, 'log#', request)).items
}
