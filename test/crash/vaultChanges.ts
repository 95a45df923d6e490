import type { OperationName } from '../../lib/http/operations.ts'
import type { SeededRandom } from '../simulation/seededRandom.ts'
import type { SignedCaller } from '../local/signedCaller.ts'
import type { Change } from './client.ts'
import { nextKeyChange } from './keyChanges.ts'
import { shownOf, type Ledger, type OwnedKey, type OwnedVault } from './ledger.ts'

export interface VaultScene {
  readonly call: SignedCaller
  /** Endpoints. */
  readonly home: string
  readonly replicaRegion: string
  readonly compartments: readonly string[]
  readonly ledger: Ledger
  readonly newName: () => string
}

/** Each takes a port in each region. */
const maxVaults = 3
const maxKeys = 8

/** The next change of one client's vaults, which come and go with their replicas. */
export function nextVaultChange(scene: VaultScene, own: OwnedVault[], random: SeededRandom): Change {
  if (own.length === 0 || (own.length < maxVaults && random.chance(0.1))) return newVault(scene, own, random)
  const vault = random.pick(own)
  const { newName, compartments } = scene
  if (vault.shown['lifecycleState'] === 'PENDING_DELETION') {
    return action(vault, 'CancelVaultDeletion', 'cancelDeletion')
  }
  const changes: readonly (() => Change)[] = [
    () => update(vault, { displayName: newName() }),
    () => update(vault, { freeformTags: { n: String(random.below(1000)) } }),
    () => move(vault, random.pick(compartments)),
    () => action(vault, 'ScheduleVaultDeletion', 'scheduleDeletion'),
    () => replica(scene, vault),
    () => replica(scene, vault),
    () => ofKeys(scene, vault, random),
    () => ofKeys(scene, vault, random),
  ]
  return random.pick(changes)()
}

function urlOf({ id }: OwnedVault, home: string): string {
  return `${home}/20180608/vaults/${id}`
}

function newVault(
  { home, compartments, ledger, newName }: VaultScene,
  own: OwnedVault[],
  random: SeededRandom,
): Change {
  return {
    operation: 'CreateVault',
    method: 'POST',
    url: `${home}/20180608/vaults`,
    body: { compartmentId: random.pick(compartments), displayName: newName(), vaultType: 'DEFAULT' },
    done: (body) => {
      const vault = ownedVault(body, home)
      own.push(vault)
      ledger.vaults.push(vault)
    },
  }
}

export function ownedVault(body: Record<string, unknown>, home: string): OwnedVault {
  return {
    id: String(body['id']),
    endpoint: String(body['managementEndpoint']),
    home,
    shown: shownOf(body),
    replica: 'none',
    keys: [],
    isTouched: true,
  }
}

function show(vault: OwnedVault): (body: Record<string, unknown>) => void {
  return (body) => {
    vault.shown = shownOf(body)
    vault.isTouched = true
    // A key's state is computed from its vault's too.
    for (const key of vault.keys) key.isTouched = true
  }
}

function update(vault: OwnedVault, body: object): Change {
  return { operation: 'UpdateVault', method: 'PUT', url: urlOf(vault, vault.home), body, done: show(vault) }
}

function action(vault: OwnedVault, operation: OperationName, path: string): Change {
  const url = `${urlOf(vault, vault.home)}/actions/${path}`
  return { operation, method: 'POST', url, done: show(vault) }
}

function move(vault: OwnedVault, compartmentId: string): Change {
  return {
    operation: 'ChangeVaultCompartment',
    method: 'POST',
    url: `${urlOf(vault, vault.home)}/actions/changeCompartment`,
    body: { compartmentId },
    done: () => {
      show(vault)({ ...vault.shown, compartmentId })
    },
  }
}

/** 409: the replica is being made or taken away at present. */
function replica({ replicaRegion }: VaultScene, vault: OwnedVault): Change {
  const isWanted = vault.replica === 'none'
  return {
    operation: isWanted ? 'CreateVaultReplica' : 'DeleteVaultReplica',
    method: 'POST',
    url: `${urlOf(vault, vault.home)}/actions/${isWanted ? 'createReplica' : 'deleteReplica'}`,
    body: { replicaRegion },
    refusals: [409],
    done: () => {
      vault.replica = isWanted ? 'wanted' : 'none'
      show(vault)({ ...vault.shown })
    },
  }
}

function ofKeys(scene: VaultScene, vault: OwnedVault, random: SeededRandom): Change {
  const own: OwnedKey[] = vault.keys
  if (own.length >= maxKeys && random.chance(0.5)) return update(vault, { displayName: scene.newName() })
  return nextKeyChange({ ...scene, vault, wrappingKey: undefined }, [...own], random)
}

export function restoringVaultChange(vault: OwnedVault): Change | undefined {
  return vault.shown['lifecycleState'] === 'PENDING_DELETION'
    ? action(vault, 'CancelVaultDeletion', 'cancelDeletion')
    : undefined
}
