import { SeededRandom } from '../simulation/seededRandom.ts'
import type { SignedCaller } from '../local/signedCaller.ts'
import { Client } from './client.ts'
import { nextIdentityChange } from './identityChanges.ts'
import { nextKeyChange, restoringChange } from './keyChanges.ts'
import { keysOf, type Ledger, type OwnedKey, type OwnedVault } from './ledger.ts'
import type { Service } from './service.ts'
import { nextVaultChange, ownedVault, restoringVaultChange, type VaultScene } from './vaultChanges.ts'
import { eventually, replicaOf } from './verify.ts'

export const regions = ['us-ashburn-1', 'us-phoenix-1'] as const

/** Who changes what, and what was answered. */
export interface Stage {
  readonly clients: readonly Client[]
  readonly ledger: Ledger
  /** Vaults whose replicas stay, and where these answer. */
  readonly standing: readonly { readonly vault: OwnedVault; readonly replica: string }[]
  readonly compartments: readonly string[]
  /** A client whose next step undoes what keeps a ciphertext closed; undefined: nothing does. */
  readonly restoring: () => Client | undefined
}

const keyClients = 5
const vaultClients = 2

export async function makeStage(call: SignedCaller, service: Service, seed: number): Promise<Stage> {
  const { home, other, tenancyId } = service
  const ledger: Ledger = { vaults: [], identity: [] }
  let names = 0
  const newName = () => `n${(names += 1)}`
  await made(call, `${home}/20160918/policies`, {
    compartmentId: tenancyId,
    name: 'replication',
    description: 'd',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  const compartments = [tenancyId]
  for (const name of ['first', 'second']) {
    const body = await made(call, `${home}/20160918/compartments`, { compartmentId: tenancyId, name, description: 'd' })
    compartments.push(String(body['id']))
  }
  const scene: VaultScene = { call, home, replicaRegion: regions[1], compartments, ledger, newName }
  const standing = [await standingVault(scene, other), await standingVault(scene, other)]
  const wrappingKey = await wrappingKeyOf(call, standing[0]?.vault)
  const streams = Array.from({ length: keyClients + vaultClients + 1 }, (_, n) => new SeededRandom(seed, n + 1))
  const clients = streams.map((random, n) => {
    if (n < keyClients) {
      const { vault } = standing[n % standing.length] ?? { vault: undefined }
      if (vault === undefined) throw new Error('There is no vault.')
      const own: OwnedKey[] = []
      const keyScene = { ...scene, vault, wrappingKey: vault === standing[0]?.vault ? wrappingKey : undefined }
      return new Client(`keys ${n}`, random, (each) => nextKeyChange(keyScene, own, each))
    }
    if (n < keyClients + vaultClients) {
      const own: OwnedVault[] = []
      return new Client(`vaults ${n}`, random, (each) => nextVaultChange(scene, own, each))
    }
    const own: Ledger['identity'] = []
    return new Client('identity', random, (each) => nextIdentityChange({ ...scene, tenancyId }, own, each))
  })
  const restoring = () => {
    const changes = ledger.vaults.flatMap((vault) => restoringVaultChange(vault) ?? [])
    const [change] = changes.length > 0 ? changes : keysOf(ledger).flatMap((key) => restoringChange(key) ?? [])
    return change === undefined ? undefined : new Client('restoring', new SeededRandom(seed), () => change)
  }
  return { clients, ledger, standing, compartments, restoring }
}

async function made(call: SignedCaller, url: string, body: object): Promise<Record<string, unknown>> {
  const answer = await call('POST', url, body)
  if (answer.status !== 200) throw new Error(`${url} was answered ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

async function standingVault(
  { call, home, replicaRegion, compartments, ledger, newName }: VaultScene,
  other: string,
): Promise<Stage['standing'][number]> {
  const details = { compartmentId: compartments[0], displayName: newName(), vaultType: 'DEFAULT' }
  const vault = ownedVault(await made(call, `${home}/20180608/vaults`, details), home)
  ledger.vaults.push(vault)
  const asked = await call('POST', `${home}/20180608/vaults/${vault.id}/actions/createReplica`, { replicaRegion })
  if (asked.status !== 202) throw new Error(`A replica was answered ${asked.status} ${JSON.stringify(asked.body)}`)
  vault.replica = 'wanted'
  let replica = ''
  await eventually(async () => {
    const found = await replicaOf(call, vault, other)
    if (typeof found === 'object') replica = found.endpoint
    return typeof found === 'string' ? found : undefined
  })
  return { vault, replica }
}

async function wrappingKeyOf(call: SignedCaller, vault: OwnedVault | undefined): Promise<string> {
  let publicKey = ''
  await eventually(async () => {
    const answer = await call('GET', `${vault?.endpoint ?? ''}/20180608/wrappingKeys`)
    publicKey = String(answer.body['publicKey'])
    return answer.body['lifecycleState'] === 'ENABLED' ? undefined : JSON.stringify(answer.body)
  })
  return publicKey
}
