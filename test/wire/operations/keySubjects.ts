import { shapes } from '../ociCloud.ts'
import { days } from './days.ts'
import { freshKey, named, type Stage, type Target } from './stage.ts'
import { listed, someText, something, type Subject } from './subject.ts'

const change = {
  takes: ['if-match', 'opc-retry-token'],
  about: 'key',
  refusedByReplica: true,
  needsActiveVault: true,
} as const

/** The KmsManagement client's operations on keys. */
export const keySubjects = {
  ListKeys: {
    call: (who, { vault, compartmentId }) => who.keys(vault.managementEndpoint).listKeys({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ENABLED' }) },
    about: 'compartment',
  },
  CreateKey: {
    call: (who, { vault, compartmentId, name }, conditions) => {
      const createKeyDetails = { compartmentId, displayName: name, keyShape: shapes.aes256 }
      return who.keys(vault.managementEndpoint).createKey({ createKeyDetails, ...conditions })
    },
    fresh: named,
    answers: { key: { lifecycleState: 'ENABLED' }, etag: someText },
    takes: ['opc-retry-token'],
    about: 'compartment',
    body: ({ compartmentId }) => ({
      compartmentId,
      displayName: 'made',
      keyShape: shapes.aes256,
      protectionMode: 'HSM',
      isAutoRotationEnabled: false,
      autoKeyRotationDetails: { rotationIntervalInDays: 90 },
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'displayName', 'keyShape'],
    refusedByReplica: true,
    needsActiveVault: true,
  },
  GetKey: {
    call: (who, { vault, keyId }) => who.keys(vault.managementEndpoint).getKey({ keyId }),
    answers: { key: { lifecycleState: 'ENABLED' }, etag: someText },
    about: 'key',
  },
  UpdateKey: {
    call: (who, { vault, keyId }, conditions) =>
      who
        .keys(vault.managementEndpoint)
        .updateKey({ keyId, updateKeyDetails: { displayName: 'renamed' }, ...conditions }),
    fresh: (stage) => freshKey(stage),
    answers: { key: { displayName: 'renamed' }, etag: someText },
    ...change,
    takes: ['if-match'],
    body: () => ({
      displayName: 'renamed',
      isAutoRotationEnabled: false,
      autoKeyRotationDetails: { rotationIntervalInDays: 90 },
      freeformTags: {},
      definedTags: {},
    }),
  },
  EnableKey: {
    call: (who, { vault, keyId }, conditions) => who.keys(vault.managementEndpoint).enableKey({ keyId, ...conditions }),
    fresh: disabledKey,
    answers: { key: { lifecycleState: 'ENABLED' }, etag: someText },
    ...change,
  },
  DisableKey: {
    call: (who, { vault, keyId }, conditions) =>
      who.keys(vault.managementEndpoint).disableKey({ keyId, ...conditions }),
    fresh: (stage) => freshKey(stage),
    answers: { key: { lifecycleState: 'DISABLED' }, etag: someText },
    ...change,
  },
  ScheduleKeyDeletion: {
    call: (who, { vault, keyId }, conditions) => {
      const scheduleKeyDeletionDetails = { timeOfDeletion: days(9) }
      const request = { keyId, scheduleKeyDeletionDetails, ...conditions }
      return who.keys(vault.managementEndpoint).scheduleKeyDeletion(request)
    },
    fresh: (stage) => freshKey(stage),
    answers: { key: { lifecycleState: 'PENDING_DELETION', timeOfDeletion: something } },
    ...change,
    body: () => ({ timeOfDeletion: days(9).toISOString() }),
  },
  CancelKeyDeletion: {
    call: (who, { vault, keyId }, conditions) =>
      who.keys(vault.managementEndpoint).cancelKeyDeletion({ keyId, ...conditions }),
    fresh: async (stage) => {
      const about = await freshKey(stage)
      await keySubjects.ScheduleKeyDeletion.call(stage.administrator, about, {})
      return about
    },
    answers: { key: { lifecycleState: 'ENABLED', timeOfDeletion: null } },
    ...change,
  },
  ChangeKeyCompartment: {
    call: (who, { vault, keyId, subcompartmentId: compartmentId }, conditions) =>
      who.keys(vault.managementEndpoint).changeKeyCompartment({
        keyId,
        changeKeyCompartmentDetails: { compartmentId },
        ...conditions,
      }),
    fresh: (stage) => freshKey(stage),
    answers: { etag: someText },
    ...change,
    body: ({ subcompartmentId: compartmentId }) => ({ compartmentId }),
    required: ['compartmentId'],
  },
  GetReplicationStatus: {
    call: (who, { vault, replicationId }) => who.keys(vault.managementEndpoint).getReplicationStatus({ replicationId }),
    fresh: async ({ replica }) => replica,
    answers: { replicationStatusDetails: { replicaDetails: [{ status: 'REPLICATED' }] }, etag: someText },
    about: 'replication',
  },
  GetReplicationReceipt: {
    call: (who, { vault, replicationId }) =>
      who.send('GET', `${vault.managementEndpoint}/20180608/replicaOperations/${replicationId}/receipt`),
    fresh: sourceOfReplica,
    answers: { format: 'vaultspan/proof-of-arrival/1', receipt: { isGap: false }, signature: someText },
    about: 'replication',
  },
} as const satisfies Record<string, Subject>

/** Receipts are the primary's own. */
async function sourceOfReplica({ oci, replica }: Stage): Promise<Target> {
  const { vault } = await oci.vaults(oci.home).getVault({ vaultId: replica.vault.id })
  return { ...replica, vault }
}

async function disabledKey(stage: Stage): Promise<Target> {
  const about = await freshKey(stage)
  await keySubjects.DisableKey.call(stage.administrator, about, {})
  return about
}
