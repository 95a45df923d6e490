import { decryptOperation } from '../../handlers/crypto/decrypt.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { isAtLeast, type Order } from '../../lib/kms/rows/epoch.ts'
import { keySk, vaultSk, versionSk, type VaultRow } from '../../lib/kms/rows/rows.ts'
import { materialIdOf } from '../../lib/ocid.ts'
import { replicationStatus } from '../../lib/replication/status.ts'
import { isAtRisk } from './acknowledge.ts'
import { bodyOf } from './client.ts'
import { regionB } from './composeSimulated.ts'
import { Network } from './network.ts'
import { observe } from './observe.ts'
import { Region } from './region.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { Scheduler } from './scheduler.ts'
import { SeededRandom } from './seededRandom.ts'
import type { SimulatedTables } from './simulatedTables.ts'
import { Violation } from './violation.ts'
import type { Acknowledged, Ciphertext, World } from './world.ts'

/** Everything that must hold at any moment, however much is still on its way. */
export async function requirePromises(world: World): Promise<void> {
  await requireTrueStatus(world)
  await requireFailover(world)
}

/** REPLICATED is said only of what the replica's rows have, in both regions. */
async function requireTrueStatus(world: World): Promise<void> {
  for (const region of [world.a, world.b]) {
    const runtime = observe(world, region)
    const vaults = new Map<string, Vault | undefined>()
    for (const each of world.acknowledged) {
      if (!vaults.has(each.vaultId)) vaults.set(each.vaultId, await runtime.cache.freshVault(each.vaultId))
      const vault = vaults.get(each.vaultId)
      if (vault === undefined || (region === world.b && isUnknown(region.tables, each))) continue
      const found = await replicationStatus(runtime, vault, each.replicationId)
      if (found.some(({ status }) => status === 'REPLICATED')) {
        requireComplete(world, world.b.tables, each, `${region.name} says that it is REPLICATED`)
      }
    }
  }
}

/** The replica answers 404 for what it does not have yet. */
function isUnknown(tables: SimulatedTables, { resourceId, epoch, revision }: Acknowledged): boolean {
  const row = tables.get('Keys', resourceId, keySk) ?? tables.get('Vaults', resourceId, vaultSk)
  return !isAtLeast(row as Order | undefined, { epoch, revision })
}

/** The replica has every row of the resource as of the acknowledged change, or newer. */
export function requireComplete(world: World, replica: SimulatedTables, of: Acknowledged, why: string): void {
  for (const committed of world.history.asOf(of.resourceId, of)) {
    const table = of.resourceId === of.vaultId ? 'Vaults' : 'Keys'
    const row = replica.get(table, of.resourceId, committed.sk) as Order | undefined
    if (isAtLeast(row, committed)) continue
    const has = row === undefined ? 'nothing' : `revision ${row.revision}`
    throw new Violation(
      `${of.what}: ${why} at revision ${of.revision}, but of ${committed.sk} the replica has ${has}, not ${committed.revision}.`,
    )
  }
}

/** A change of identity that was answered as one that every region has stands in the replica, whose log has no gaps. */
function requireIdentity({ identityPromises }: World, { tables, name }: Region): void {
  for (const [tenancyId, seq] of identityPromises) {
    const head = headOf(tables, tenancyId)
    if (head < seq) throw new Violation(`Entry ${seq} of identity was acknowledged, but ${name} has ${head} of them.`)
  }
}

function headOf(tables: SimulatedTables, tenancyId: string): number {
  return Number(tables.get('Identity', tenancyId, identitySk.head)?.['seq'] ?? 0)
}

/** Without a compartment nobody may use what is in it; only one whose making was not yet promised may be missing. */
function lacksCompartment({ a }: World, { tables }: Region, { vault, keyId }: Ciphertext): boolean {
  const { id: tenancyId } = vault.tenancy
  return [tables.get('Vaults', vault.id, vaultSk), tables.get('Keys', keyId, keySk)].some((row) => {
    const { compartmentId = '' } = (row ?? {}) as Partial<VaultRow>
    const compartment = a.tables.get('Identity', tenancyId, identitySk.compartment(compartmentId))
    return Number(compartment?.['seq'] ?? 0) > headOf(tables, tenancyId)
  })
}

const enough = 5_000

/** The primary is lost at this moment: the replica works off its inbox, and has all that was acknowledged. */
async function requireFailover(world: World): Promise<void> {
  const promised = world.acknowledged.filter((each) => isPromised(world, each))
  if (promised.length === 0 && world.identityPromises.size === 0) return
  const replica = await aloneFrom(world)
  for (const each of promised) requireComplete(world, replica.tables, each, 'it was acknowledged')
  requireIdentity(world, replica)
  const runtime = observe(world, replica)
  for (const ciphertext of world.ciphertexts) {
    if (!lacksCompartment(world, replica, ciphertext)) await requireOpens(world, runtime, replica, ciphertext)
  }
}

async function aloneFrom(world: World): Promise<Region> {
  const random = new SeededRandom(world.scheduler.steps)
  const scheduler = new Scheduler(random)
  scheduler.now = world.scheduler.now
  const network = new Network(scheduler)
  const { tables, queues, identityHeads } = world.b
  const { settings, log, objects } = world.partsOf('b')
  const parts = {
    name: regionB,
    scheduler,
    network,
    random,
    settings,
    log,
    objects,
    from: { tables, queues, identityHeads },
  }
  const replica = new Region(parts)
  replica.addPumps(() => 1, ['inbox'], false)
  await scheduler.run(() => scheduler.steps > enough || (replica.isIdle && replica.queues.waiting.inbox.length === 0))
  return replica
}

/** A change under the vault's present link that was not answered as one at risk, or whose risk is said to be over. */
export function isPromised({ a, history }: World, { resourceId, vaultId, wasAtRisk, ...order }: Acknowledged): boolean {
  const vault = a.tables.get('Vaults', vaultId, vaultSk)
  const committed = history.linkAt(resourceId, order)
  if (vault?.['handOffTo'] !== regionB || committed?.handOffTo !== regionB) return false
  return vault['fence'] === committed.fence && !(wasAtRisk && isAtRisk(a.tables, resourceId, order.revision))
}

/** Where the region's own rows say that the version may be used, it opens what it made. */
export async function requireOpens(
  world: World,
  runtime: Runtime,
  region: Region,
  ciphertext: Ciphertext,
): Promise<void> {
  const { vault, keyId, versionId, bytes } = ciphertext
  const states = [
    region.tables.get('Vaults', vault.id, vaultSk),
    region.tables.get('Keys', keyId, keySk),
    region.tables.get('Keys', keyId, versionSk(materialIdOf(versionId) ?? '')),
  ].map((row) => row?.['lifecycleState'])
  if (states[0] !== 'ACTIVE' || states[1] !== 'ENABLED' || states[2] !== 'ENABLED') return
  const input = { keyId, ciphertext: bytes, associatedData: {}, loggingContext: {} }
  const ask = { operation: decryptOperation, vaultId: vault.id, parameters: {}, query: {}, input, token: undefined }
  const body = await world.perform(runtime, vault.tenancy, ask).then(bodyOf, (cause: unknown) => {
    throw new Violation(`A ciphertext of ${versionId} does not open in ${region.name}: ${String(cause)}.`)
  })
  if (body?.['plaintext'] !== Buffer.from(versionId).toString('base64')) {
    throw new Violation(`A ciphertext of ${versionId} opens to something else in ${region.name}.`)
  }
}
