import { createVaultOperation } from '../../handlers/vault/createVault.ts'
import { newOcid } from '../../lib/ocid.ts'
import { provisionTenancy } from '../../lib/runtime/provisionTenancy.ts'
import { Client, bodyOf, textOf } from './client.ts'
import { administratorKeyPem } from './overHttp.ts'
import type { Plan } from './plan.ts'
import type { Tenancy } from './requests.ts'
import { SeededRandom } from './seededRandom.ts'
import { steps, type StepName } from './steps.ts'
import { World, type Base, type KnownVault } from './world.ts'
import { createPolicyOperation } from '../../handlers/identity/createPolicy.ts'

const bases = new Map<Plan['base'], Promise<Base>>()

/** Two tenancies with vaults and keys, made by the product itself without any fault; made once, forked by each schedule. */
export function baseWorld(kind: Plan['base']): Promise<Base> {
  const known = bases.get(kind)
  if (known !== undefined) return known
  const made = makeBase(kind)
  bases.set(kind, made)
  return made
}

const settings = {
  isStrict: true,
  instances: 1,
  keyCacheMs: 0,
  invalidatesOnCommit: false,
  indexLagMs: 0,
  hasShortPages: false,
  isOverHttp: false,
  skewMs: [0, 0],
  weightOf: () => 1,
} as const

async function makeBase(kind: Plan['base']): Promise<Base> {
  const random = new SeededRandom(kind === 'linked' ? 1 : 2)
  const bytes = (length: number) => random.bytes(length)
  const tenancies = ['first', 'second'].map((): Tenancy => {
    const [id, userId, groupId] = [newOcid(bytes, 'tenancy'), newOcid(bytes, 'user'), newOcid(bytes, 'group')]
    return { id, userId, groupId }
  })
  const world = new World(settings, random, tenancies)
  const makeAll = async () => {
    for (const tenancy of tenancies) {
      await provision(world, tenancy)
      const client = new Client(world, 'builder', tenancy)
      const isFirst = tenancy === tenancies[0]
      await allowReplication(client)
      const vault = await makeVault(client)
      await walk(client, vault, ['createCompartment', 'createPolicy', 'createKey', 'rotate', 'createKey', 'import'])
      if (kind === 'linked') await walk(client, vault, ['createReplica'])
      if (isFirst) await walk(client, await makeVault(client), ['createKey'])
    }
  }
  let isMade = false
  world.scheduler.spawn(world.scheduler.actor('builder', 1), async () => {
    await makeAll()
    isMade = true
  })
  await world.scheduler.run(() => isMade && world.isIdle)
  const { a, b, history, known } = world
  return { a, b, history, now: world.scheduler.now, known, tenancies }
}

async function provision({ a, known }: World, { id, userId }: Tenancy): Promise<void> {
  known.compartments.set(id, [])
  known.policies.set(id, [])
  await provisionTenancy(a.instance().runtime, {
    tenancyId: id,
    tenancyName: 'simulated',
    administrator: { userId, name: 'admin', publicKeyPem: administratorKeyPem },
  })
}

async function allowReplication(client: Client): Promise<void> {
  const statements = ['Allow service keymanagementservice to manage vaults in tenancy']
  const details = { name: 'replication', description: 'lets the service replicate', statements, versionDate: null }
  const input = { compartmentId: client.tenancy.id, ...details, freeformTags: {}, definedTags: {} }
  await client.ask({ operation: createPolicyOperation, input })
}

async function makeVault(client: Client): Promise<KnownVault> {
  const { tenancy, world } = client
  const details = { compartmentId: tenancy.id, displayName: 'vault', vaultType: 'VIRTUAL_PRIVATE' }
  const input = { ...details, freeformTags: {}, definedTags: {} }
  const id = textOf(bodyOf(await client.ask({ operation: createVaultOperation, input })), 'id')
  if (id === undefined) throw new Error('The first vault could not be made.')
  const vault = { id, tenancy, keys: [] }
  world.known.vaults.push(vault)
  return vault
}

/** Steps one after the other, each on the first key. */
async function walk(client: Client, vault: KnownVault, names: readonly StepName[]): Promise<void> {
  const memory = { lastKey: undefined }
  for (const name of names) await steps[name]({ client, vault, key: vault.keys[0], token: undefined, n: 2, memory })
}
