import { models } from 'oci-keymanagement'
import { makeVault } from '../ociCloud.ts'
import { days } from './days.ts'
import { freshVault, named, type Stage, type Target } from './stage.ts'
import { listed, someText, something, type Subject } from './subject.ts'

const write = { takes: ['if-match', 'opc-retry-token'], about: 'vault' } as const
const { VirtualPrivate } = models.CreateVaultDetails.VaultType

/** The KmsVault client's operations, and our own one beside them. */
export const vaultSubjects = {
  ListVaults: {
    call: (who, { region, compartmentId }) => who.vaults(region).listVaults({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE' }) },
    about: 'compartment',
  },
  CreateVault: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createVaultDetails = { compartmentId, displayName: name, vaultType: VirtualPrivate }
      return who.vaults(region).createVault({ createVaultDetails, ...conditions })
    },
    fresh: named,
    answers: { vault: { lifecycleState: 'ACTIVE' }, etag: someText },
    takes: ['opc-retry-token'],
    about: 'compartment',
    body: ({ compartmentId }) => ({
      compartmentId,
      displayName: 'made',
      vaultType: 'DEFAULT',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'displayName', 'vaultType'],
  },
  GetVault: {
    call: (who, { region, vault }) => who.vaults(region).getVault({ vaultId: vault.id }),
    answers: { vault: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'vault',
  },
  UpdateVault: {
    call: (who, { region, vault }, conditions) =>
      who
        .vaults(region)
        .updateVault({ vaultId: vault.id, updateVaultDetails: { displayName: 'renamed' }, ...conditions }),
    fresh: freshVault,
    answers: { vault: { displayName: 'renamed' }, etag: someText },
    takes: ['if-match'],
    about: 'vault',
    body: () => ({ displayName: 'renamed', freeformTags: {}, definedTags: {} }),
    refusedByReplica: true,
    needsActiveVault: true,
  },
  ScheduleVaultDeletion: {
    call: (who, { region, vault }, conditions) => {
      const scheduleVaultDeletionDetails = { timeOfDeletion: days(9) }
      const request = { vaultId: vault.id, scheduleVaultDeletionDetails, ...conditions }
      return who.vaults(region).scheduleVaultDeletion(request)
    },
    fresh: freshVault,
    answers: { vault: { lifecycleState: 'PENDING_DELETION', timeOfDeletion: something } },
    ...write,
    body: () => ({ timeOfDeletion: days(9).toISOString() }),
    refusedByReplica: true,
    needsActiveVault: true,
  },
  CancelVaultDeletion: {
    call: (who, { region, vault }, conditions) =>
      who.vaults(region).cancelVaultDeletion({ vaultId: vault.id, ...conditions }),
    fresh: scheduledVault,
    answers: { vault: { lifecycleState: 'ACTIVE', timeOfDeletion: null } },
    ...write,
    refusedByReplica: true,
  },
  ChangeVaultCompartment: {
    call: (who, { region, vault, subcompartmentId: compartmentId }, conditions) =>
      who.vaults(region).changeVaultCompartment({
        vaultId: vault.id,
        changeVaultCompartmentDetails: { compartmentId },
        ...conditions,
      }),
    fresh: freshVault,
    answers: { etag: someText },
    ...write,
    body: ({ subcompartmentId: compartmentId }) => ({ compartmentId }),
    required: ['compartmentId'],
    refusedByReplica: true,
    needsActiveVault: true,
  },
  GetVaultUsage: {
    call: (who, { region, vault }) => who.vaults(region).getVaultUsage({ vaultId: vault.id }),
    answers: { vaultUsage: { keyCount: 2, softwareKeyCount: 1 } },
    about: 'vault',
    // The shared vault's keys come and go with the other cases.
    fresh: async ({ another }) => another,
  },
  ListKeyVersionUsage: {
    call: (who, { region }) => who.send('GET', `${region}/20180608/usage/keyVersions?from=2026-01-01&to=2026-01-02`),
    answers: [],
    about: 'tenancy',
  },
  CreateVaultReplica: {
    call: (who, { region, vault, replicaRegion }, conditions) =>
      who.vaults(region).createVaultReplica({
        vaultId: vault.id,
        createVaultReplicaDetails: { replicaRegion },
        ...conditions,
      }),
    fresh: freshVault,
    answers: {},
    ...write,
    body: ({ replicaRegion }) => ({ replicaRegion }),
    required: ['replicaRegion'],
    refusedByReplica: true,
    needsActiveVault: true,
  },
  DeleteVaultReplica: {
    call: (who, { region, vault, replicaRegion }, conditions) =>
      who.vaults(region).deleteVaultReplica({
        vaultId: vault.id,
        deleteVaultReplicaDetails: { replicaRegion },
        ...conditions,
      }),
    fresh: async (stage) => {
      const about = await freshVault(stage)
      await vaultSubjects.CreateVaultReplica.call(stage.administrator, about, {})
      await stage.oci.cloud.idle()
      return about
    },
    answers: {},
    ...write,
    body: ({ replicaRegion }) => ({ replicaRegion }),
    required: ['replicaRegion'],
    refusedByReplica: true,
  },
  ListVaultReplicas: {
    call: (who, { region, vault }, conditions) =>
      who.vaults(region).listVaultReplicas({ vaultId: vault.id, ...conditions }),
    fresh: async ({ replica }) => replica,
    answers: { items: [{ status: 'CREATED' }], etag: someText },
    takes: ['if-match'],
    about: 'vault',
  },
  RedriveReplication: {
    call: (who, { region }) => who.send('POST', `${region}/20180608/replicaOperations/actions/redrive`),
    answers: { changes: 0, messages: 0 },
    about: 'tenancy',
  },
} as const satisfies Record<string, Subject>

/** A vault of its own that is to be deleted. */
async function scheduledVault(stage: Stage): Promise<Target> {
  const vault = await makeVault(stage.oci, 'scheduled')
  await stage.oci.vaults().scheduleVaultDeletion({ vaultId: vault.id, scheduleVaultDeletionDetails: {} })
  return { ...stage.ready, vault }
}
