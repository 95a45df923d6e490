import { canonicalJson } from '../../lib/canonicalJson.ts'
import { keySk, vaultSk, type KeyRow, type VaultRow } from '../../lib/kms/rows/rows.ts'
import { requestSk } from '../../lib/kms/mutation.ts'
import { prefixKey } from '../../lib/kms/vaults/vaults.ts'
import type { Item } from '../../lib/ports.ts'
import { atRiskPk } from '../../lib/replication/atRisk.ts'
import { parkedPk } from '../../lib/replication/lane/parked.ts'
import { lanePk } from '../../lib/replication/lane/peerLane.ts'
import { replicationStatus } from '../../lib/replication/status.ts'
import { isPromised, requireComplete, requireOpens } from './during.ts'
import { regionA, regionB } from './composeSimulated.ts'
import { observe } from './observe.ts'
import { requireRestored } from './restored.ts'
import type { Region } from './region.ts'
import type { SimulatedTables } from './simulatedTables.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** What must hold once every fault is over, all work is done and nothing is unfinished. */
export async function requireConverged(world: World): Promise<void> {
  for (const each of world.acknowledged) {
    if (isPromised(world, each)) requireComplete(world, world.b.tables, each, 'it was acknowledged')
  }
  for (const region of [world.a, world.b]) {
    const runtime = observe(world, region)
    for (const ciphertext of world.ciphertexts) await requireOpens(world, runtime, region, ciphertext)
  }
  await requireRestored(world)
  if (!world.haveTokensExpired) requireOneOfEachToken(world)
}

/** What is not yet as it should be after healing; undefined where nothing is left to do. */
export async function unfinished(world: World): Promise<string | undefined> {
  return difference(world) ?? (await notReplicated(world))
}

/** The first thing in which the regions are not as they should be; undefined where there is none. */
function difference({ a, b }: World): string | undefined {
  return (
    firstOf(a.tables.all('Vaults'), (row) => (row.sk === vaultSk && isVault(row) ? ofVault(a, b, row) : undefined)) ??
    ofIdentity(a, b) ??
    leftOver(a, regionB) ??
    leftOver(b, regionA)
  )
}

function firstOf(items: Iterable<Item>, reasonOf: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const reason = reasonOf(item)
    if (reason !== undefined) return reason
  }
  return undefined
}

function isVault(row: Item): row is Item & VaultRow {
  return row['format'] === 'vaultspan/vault/1'
}

function ofVault(a: Region, b: Region, vault: VaultRow): string | undefined {
  const { id, replicaStatus, handOffTo } = vault
  if (replicaStatus === null)
    return firstOf(rowsOf(b.tables, vault), ({ pk, sk }) => `${sk} of ${pk} is left in ${b.name}`)
  if (replicaStatus !== 'CREATED' || handOffTo !== b.name) return `the replica of ${id} stays ${replicaStatus}`
  const open = firstOf(rowsOf(a.tables, vault), (row) => {
    const { lifecycleState, pendingKeyVersion = null } = row as unknown as Partial<KeyRow>
    const isOpen = vault.lifecycleState !== 'DELETED' && (lifecycleState === 'CREATING' || pendingKeyVersion !== null)
    return isOpen ? `${row.sk} of ${row.pk} is not complete` : undefined
  })
  return open ?? unlike(rowsOf(a.tables, vault), rowsOf(b.tables, vault))
}

/** Everything of a vault that replicates, its retry tokens included. */
function* rowsOf(tables: SimulatedTables, { id, vaultPrefix }: VaultRow): Generator<Item> {
  for (const item of tables.partition('Vaults', id)) if (item.sk !== 'keys') yield item
  const { pk } = prefixKey(vaultPrefix)
  yield* tables.partition('Vaults', pk)
  for (const key of tables.all('Keys')) if (key['vaultId'] === id) yield key
}

function unlike(left: Iterable<Item>, right: Iterable<Item>): string | undefined {
  const others = new Map([...right].map((item) => [`${item.sk} of ${item.pk}`, item]))
  for (const item of left) {
    const name = `${item.sk} of ${item.pk}`
    const other = others.get(name)
    others.delete(name)
    if (other === undefined) return `${name} is missing in the replica`
    if (!isAlike(item, other)) {
      return `${name} is at revision ${item.revision} here and ${other.revision} in the replica, or differs`
    }
  }
  const [extra] = others.keys()
  return extra === undefined ? undefined : `${extra} is in the replica alone`
}

/** A row's MAC or signature stands for its content: the product opens none whose content is another. */
function isAlike(left: Item, right: Item): boolean {
  const authentic = left['mac'] ?? left['signature']
  const isProven = authentic !== undefined && left.revision === right.revision
  return isProven ? authentic === (right['mac'] ?? right['signature']) : contentOf(left) === contentOf(right)
}

function contentOf({ writeId: _writeId, ...item }: Item): string {
  return canonicalJson(item)
}

function ofIdentity(a: Region, b: Region): string | undefined {
  const rows = (region: Region) => [...region.tables.all('Identity')].filter(({ sk }) => sk !== 'statement')
  return unlike(rows(a), rows(b))
}

function leftOver(region: Region, peer: string): string | undefined {
  const [mark] = region.tables.partition('Replication', atRiskPk(peer))
  if (mark !== undefined) return `${mark.sk} is still listed as at risk in ${region.name}`
  const [owed] = [
    ...region.tables.partition('Replication', lanePk(peer)),
    ...region.tables.partition('Replication', parkedPk(peer)),
  ]
  if (owed !== undefined) return `${owed.pk} ${owed.sk} is left in ${region.name}`
  const transport = firstOf(region.tables.all('Replication'), ({ pk, sk }) =>
    pk.startsWith('transport#') ? `${pk} ${sk} is left in ${region.name}` : undefined,
  )
  if (transport !== undefined) return transport
  const [dead] = [...region.queues.dead.inbox, ...region.queues.dead.outcome, ...region.queues.dead.outbox]
  return dead === undefined ? undefined : `a dead letter is left in ${region.name}: ${dead.body.slice(0, 300)}`
}

async function notReplicated(world: World): Promise<string | undefined> {
  const runtime = observe(world, world.a)
  for (const each of world.acknowledged) {
    if (!isPromised(world, each)) continue
    const vault = await runtime.cache.freshVault(each.vaultId)
    const found = vault === undefined ? [] : await replicationStatus(runtime, vault, each.replicationId)
    const status = String(found[0]?.status)
    if (status !== 'REPLICATED') return `the status of ${each.what} of ${each.resourceId} stays ${status}`
  }
  return undefined
}

/** However often a request came with its token, it made one key or version. */
function requireOneOfEachToken({ a: { tables }, settings }: World): void {
  // Without a token a request is known by its signature, which two calls of one second may share (lib/http/retryToken.ts).
  const isToken = (request: string) => {
    const row = tables.get('Requests', request, requestSk)
    return row === undefined ? !settings.isOverHttp : row['at'] === undefined
  }
  const made = new Map<string, string>()
  for (const row of tables.all('Keys')) {
    const { request, id, format, revision } = row as unknown as KeyRow
    const isNew = row.sk === keySk ? revision <= 2 : row['lifecycleState'] === 'ENABLED'
    if (request === null || !isNew || !isToken(request)) continue
    const name = `${request} ${format}`
    const other = made.get(name)
    if (other !== undefined && other !== id) throw new Violation(`One retry token made ${other} and ${id}.`)
    made.set(name, id)
  }
}
