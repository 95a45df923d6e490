import { cancelVaultDeletionOperation } from '../../handlers/vault/cancelVaultDeletion.ts'
import { changeVaultCompartmentOperation } from '../../handlers/vault/changeVaultCompartment.ts'
import { createVaultReplicaOperation } from '../../handlers/vault/createVaultReplica.ts'
import { deleteVaultReplicaOperation } from '../../handlers/vault/deleteVaultReplica.ts'
import { scheduleVaultDeletionOperation } from '../../handlers/vault/scheduleVaultDeletion.ts'
import { updateVaultOperation } from '../../handlers/vault/updateVault.ts'
import { createCompartmentOperation } from '../../handlers/identity/createCompartment.ts'
import { createPolicyOperation } from '../../handlers/identity/createPolicy.ts'
import { deleteCompartmentOperation } from '../../handlers/identity/deleteCompartment.ts'
import { deletePolicyOperation } from '../../handlers/identity/deletePolicy.ts'
import { updateCompartmentOperation } from '../../handlers/identity/updateCompartment.ts'
import { updatePolicyOperation } from '../../handlers/identity/updatePolicy.ts'
import { encryptOperation } from '../../handlers/crypto/encrypt.ts'
import type { Operation } from '../../lib/http/operation.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { note } from './acknowledge.ts'
import { backupSteps } from './backupSteps.ts'
import { bodyOf, textOf, type AskOf, type Client } from './client.ts'
import { regionB } from './composeSimulated.ts'
import { compartmentOf, inDays, keySteps, type Scene } from './keySteps.ts'
import { Violation } from './violation.ts'

const vaultSteps = {
  updateVault: (scene) => changeVault(scene, updateVaultOperation, { displayName: `vault ${scene.n}` }),
  moveVault: (scene) => changeVault(scene, changeVaultCompartmentOperation, { compartmentId: compartmentOf(scene) }),
  deleteVault: (scene) => changeVault(scene, scheduleVaultDeletionOperation, { timeOfDeletion: inDays(scene, 9) }),
  keepVault: (scene) => changeVault(scene, cancelVaultDeletionOperation, undefined),
  createReplica: (scene) => changeVault(scene, createVaultReplicaOperation, { replicaRegion: regionB }),
  deleteReplica: (scene) => changeVault(scene, deleteVaultReplicaOperation, { replicaRegion: regionB }),
  /** Another tenancy's key answers as one that does not exist. */
  trespass: async ({ client, vault }) => {
    const other = client.world.known.vaults.find(({ tenancy }) => tenancy.id !== client.tenancy.id)
    const keyId = other?.keys[0]?.id
    if (other === undefined || keyId === undefined) return
    for (const vaultId of [vault.id, other.id]) {
      const input = { keyId, plaintext: Buffer.from('mine'), associatedData: {}, loggingContext: {} }
      const answer = await client.ask({ operation: encryptOperation, vaultId, input })
      if (answer !== undefined) throw new Violation("A key serves another tenancy's caller.")
    }
  },
} as const satisfies Record<string, (scene: Scene) => Promise<void>>

const identitySteps = {
  createCompartment: async ({ client, n, token }) => {
    const { id: compartmentId } = client.tenancy
    const input = { compartmentId, name: `compartment ${n}`, description: 'made', freeformTags: {}, definedTags: {} }
    const id = await makeIdentity(client, 'compartment', { operation: createCompartmentOperation, input, token })
    if (id !== undefined) client.world.known.compartments.get(compartmentId)?.push(id)
  },
  updateCompartment: (scene) =>
    askOf(scene, updateCompartmentOperation, { compartmentId: pickCompartment(scene) }, { name: `renamed ${scene.n}` }),
  deleteCompartment: (scene) =>
    askOf(scene, deleteCompartmentOperation, { compartmentId: pickCompartment(scene) }, undefined),
  createPolicy: async ({ client, n, token }) => {
    const { id: compartmentId } = client.tenancy
    const statements = [`Allow group Readers to inspect keys in tenancy where target.key.id = 'ocid1.key.oc1..k${n}'`]
    const details = { name: `policy ${n}`, description: 'made', statements, versionDate: null }
    const input = { compartmentId, ...details, freeformTags: {}, definedTags: {} }
    const id = await makeIdentity(client, 'policy', { operation: createPolicyOperation, input, token })
    if (id !== undefined) client.world.known.policies.get(compartmentId)?.push(id)
  },
  updatePolicy: (scene) =>
    askOf(scene, updatePolicyOperation, { policyId: pickPolicy(scene) }, { description: `changed ${scene.n}` }),
  deletePolicy: (scene) => askOf(scene, deletePolicyOperation, { policyId: pickPolicy(scene) }, undefined),
} as const satisfies Record<string, (scene: Scene) => Promise<void>>

/** Everything that a client can do. */
export const steps = { ...keySteps, ...vaultSteps, ...identitySteps, ...backupSteps }
export type StepName = keyof typeof steps

/** What was made, and the promise that every region has it, unless the service said that one could not be reached. */
async function makeIdentity(client: Client, kind: 'compartment' | 'policy', ask: AskOf): Promise<string | undefined> {
  const { world, tenancy } = client
  const warnings = world.identityWarnings
  const id = textOf(bodyOf(await client.ask(ask)), 'id')
  if (id === undefined || (!world.settings.isStrict && world.identityWarnings > warnings)) return id
  const seq = world.a.tables.get('Identity', tenancy.id, identitySk[kind](id))?.['seq']
  const known = world.identityPromises.get(tenancy.id) ?? 0
  if (typeof seq === 'number') world.identityPromises.set(tenancy.id, Math.max(known, seq))
  return id
}

async function changeVault(
  { client, vault, token }: Scene,
  operation: Operation<Runtime>,
  input: unknown,
): Promise<void> {
  const answer = await client.ask({ operation, vaultId: '', parameters: { vaultId: vault.id }, input, token })
  if (answer !== undefined) note(client, operation.id, vault.id, answer)
}

async function askOf(
  { client, token }: Scene,
  operation: Operation<Runtime>,
  parameters: Readonly<Record<string, string | undefined>>,
  input: unknown,
): Promise<void> {
  const given = Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  if (given.length === 0) return
  await client.ask({ operation, parameters: Object.fromEntries(given) as Record<string, string>, input, token })
}

function pickCompartment({ client, n }: Scene): string | undefined {
  const known = client.world.known.compartments.get(client.tenancy.id) ?? []
  return known[n % Math.max(1, known.length)]
}

function pickPolicy({ client, n }: Scene): string | undefined {
  const known = client.world.known.policies.get(client.tenancy.id) ?? []
  return known[n % Math.max(1, known.length)]
}
