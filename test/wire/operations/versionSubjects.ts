import { models } from 'oci-keymanagement'
import { shapes } from '../ociCloud.ts'
import { days } from './days.ts'
import { freshKey, named, type Stage, type Target } from './stage.ts'
import { somePem, someText, something, type Subject } from './subject.ts'

const { RsaOaepSha256 } = models.WrappedImportKey.WrappingAlgorithm
const change = { about: 'key', refusedByReplica: true, needsActiveVault: true } as const
const both = ['if-match', 'opc-retry-token'] as const

const wrapped = ({ material }: Target) => ({ keyMaterial: material, wrappingAlgorithm: RsaOaepSha256 })

/** The KmsManagement client's operations on key versions and on what is brought in. */
export const versionSubjects = {
  ListKeyVersions: {
    call: (who, { vault, keyId }) => who.keys(vault.managementEndpoint).listKeyVersions({ keyId }),
    answers: { items: [{ lifecycleState: 'ENABLED' }, { lifecycleState: 'ENABLED' }] },
    about: 'key',
  },
  CreateKeyVersion: {
    call: (who, { vault, keyId }, conditions) =>
      who.keys(vault.managementEndpoint).createKeyVersion({ keyId, ...conditions }),
    fresh: (stage) => freshKey(stage),
    answers: { keyVersion: { lifecycleState: 'ENABLED', origin: 'INTERNAL' }, etag: someText },
    ...change,
    takes: ['opc-retry-token'],
    body: () => ({}),
  },
  ImportKeyVersion: {
    call: (who, about, conditions) =>
      who.keys(about.vault.managementEndpoint).importKeyVersion({
        keyId: about.keyId,
        importKeyVersionDetails: { wrappedImportKey: wrapped(about) },
        ...conditions,
      }),
    fresh: (stage) => freshKey(stage),
    answers: { keyVersion: { lifecycleState: 'ENABLED', origin: 'EXTERNAL' }, etag: someText },
    ...change,
    takes: ['opc-retry-token'],
    body: (about) => ({ wrappedImportKey: wrapped(about) }),
    required: ['wrappedImportKey'],
  },
  GetKeyVersion: {
    call: (who, { vault, keyId, oldVersionId }) =>
      who.keys(vault.managementEndpoint).getKeyVersion({ keyId, keyVersionId: oldVersionId }),
    answers: { keyVersion: { lifecycleState: 'ENABLED' }, etag: someText },
    about: 'key',
  },
  ScheduleKeyVersionDeletion: {
    call: (who, { vault, keyId, oldVersionId }, conditions) =>
      who.keys(vault.managementEndpoint).scheduleKeyVersionDeletion({
        keyId,
        keyVersionId: oldVersionId,
        scheduleKeyVersionDeletionDetails: { timeOfDeletion: days(9) },
        ...conditions,
      }),
    fresh: rotatedKey,
    answers: { keyVersion: { lifecycleState: 'PENDING_DELETION', timeOfDeletion: something } },
    ...change,
    takes: both,
    body: () => ({ timeOfDeletion: days(9).toISOString() }),
  },
  CancelKeyVersionDeletion: {
    call: (who, { vault, keyId, oldVersionId }, conditions) =>
      who.keys(vault.managementEndpoint).cancelKeyVersionDeletion({
        keyId,
        keyVersionId: oldVersionId,
        ...conditions,
      }),
    fresh: async (stage) => {
      const about = await rotatedKey(stage)
      const request = { keyId: about.keyId, keyVersionId: about.oldVersionId, scheduleKeyVersionDeletionDetails: {} }
      await stage.oci.keys(about.vault.managementEndpoint).scheduleKeyVersionDeletion(request)
      return about
    },
    answers: { keyVersion: { lifecycleState: 'ENABLED', timeOfDeletion: null } },
    ...change,
    takes: both,
  },
  GetWrappingKey: {
    call: (who, { vault }) => who.keys(vault.managementEndpoint).getWrappingKey({}),
    answers: { wrappingKey: { publicKey: somePem }, etag: someText },
    about: 'none',
    needsActiveVault: true,
  },
  ImportKey: {
    call: (who, about, conditions) => {
      const details = { compartmentId: about.compartmentId, displayName: about.name, keyShape: shapes.aes256 }
      const importKeyDetails = { ...details, wrappedImportKey: wrapped(about) }
      return who.keys(about.vault.managementEndpoint).importKey({ importKeyDetails, ...conditions })
    },
    fresh: named,
    answers: { key: { lifecycleState: 'ENABLED' }, etag: someText },
    ...change,
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: (about) => ({
      compartmentId: about.compartmentId,
      displayName: 'brought',
      keyShape: shapes.aes256,
      wrappedImportKey: wrapped(about),
      protectionMode: 'HSM',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'displayName', 'keyShape', 'wrappedImportKey'],
  },
} as const satisfies Record<string, Subject>

/** A key of two versions; the first one can go. */
async function rotatedKey(stage: Stage): Promise<Target> {
  const about = await freshKey(stage)
  await stage.oci.keys(about.vault.managementEndpoint).createKeyVersion({ keyId: about.keyId })
  return about
}
