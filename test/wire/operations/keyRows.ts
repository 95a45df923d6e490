import { models } from 'oci-keymanagement'
import { makeKey, makeVault, shapes } from '../ociCloud.ts'
import { sendTo } from './sendTo.ts'
import { days } from './days.ts'
import { conflict, incorrectState, invalid, invalidatedToken, missing, notFound, rowsOf } from './row.ts'
import { freshKey, type Stage, type Target } from './stage.ts'
import { subjects } from './subjects.ts'

type KeyOperation = keyof typeof subjects

/** The operation's common call on a key that was brought into a state it does not fit. */
const on =
  (
    operation: KeyOperation,
    arrange: (stage: Stage) => Promise<Target>,
  ): ((stage: Stage) => Promise<() => Promise<unknown>>) =>
  async (stage) => {
    const about = await arrange(stage)
    return () => subjects[operation].call(stage.administrator, about, {})
  }

const disabled = async (stage: Stage) => {
  const about = await freshKey(stage)
  await subjects.DisableKey.call(stage.administrator, about, {})
  return about
}
const scheduled = async (stage: Stage) => {
  const about = await freshKey(stage)
  await subjects.ScheduleKeyDeletion.call(stage.administrator, about, {})
  return about
}
const plain = (stage: Stage) => freshKey(stage)

/** A repetition of a call whose key was renamed since. */
const changedSince = (operation: KeyOperation, arrange: typeof plain) => async (stage: Stage) => {
  const about = await arrange(stage)
  const opcRetryToken = `changed ${operation}`
  const call = () => subjects[operation].call(stage.administrator, about, { opcRetryToken })
  await call()
  await subjects.UpdateKey.call(stage.administrator, about, {})
  return call
}

const createKey = (details: object, vault?: (stage: Stage) => Promise<models.Vault>) => async (stage: Stage) => {
  const { managementEndpoint } = (await vault?.(stage)) ?? stage.ready.vault
  const { compartmentId } = stage.ready
  const createKeyDetails = { compartmentId, displayName: 'k', keyShape: shapes.aes256, ...details }
  return () => stage.administrator.keys(managementEndpoint).createKey({ createKeyDetails })
}

const importKey = (details: object) => (stage: Stage) => () => {
  const body = subjects.ImportKey.body?.(stage.ready)
  return sendTo(stage.administrator, 'ImportKey', stage.ready, JSON.stringify({ ...body, ...details }))
}

const scheduleKey = (after: number) => async (stage: Stage) => {
  const { keyId, vault } = await freshKey(stage)
  const scheduleKeyDeletionDetails = { timeOfDeletion: days(after) }
  return () =>
    stage.administrator.keys(vault.managementEndpoint).scheduleKeyDeletion({ keyId, scheduleKeyDeletionDetails })
}

const rotating = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 90 } }
const virtualVault = ({ oci }: Stage) => makeVault(oci, 'virtual', models.CreateVaultDetails.VaultType.Default)

/** What only some operations on keys and their versions refuse. */
export const keyRows = rowsOf({
  CreateKey: [
    ['a length that no AES key has', invalid, createKey({ keyShape: { algorithm: 'AES', length: 31 } })],
    ['a curve of another length', invalid, createKey({ keyShape: { ...shapes.p256, length: 48 } })],
    ['an EXTERNAL key', invalid, createKey({ protectionMode: 'EXTERNAL' })],
    ['automatic rotation without an interval', missing, createKey({ isAutoRotationEnabled: true })],
    [
      'automatic rotation every 59 days',
      invalid,
      createKey({ ...rotating, autoKeyRotationDetails: { rotationIntervalInDays: 59 } }),
    ],
    ['automatic rotation in a virtual vault', invalid, createKey(rotating, virtualVault)],
    [
      'a retry token whose key changed since',
      invalidatedToken,
      async (stage) => {
        const call = () => subjects.CreateKey.call(stage.administrator, stage.ready, { opcRetryToken: 'changed key' })
        const { key } = (await call()) as { key: models.Key }
        await subjects.UpdateKey.call(stage.administrator, { ...stage.ready, keyId: key.id }, {})
        return call
      },
    ],
  ],
  ImportKey: [
    [
      'material that does not unwrap',
      invalid,
      importKey({ wrappedImportKey: { keyMaterial: 'AAAA', wrappingAlgorithm: 'RSA_OAEP_SHA256' } }),
    ],
    ['material of another length', invalid, importKey({ keyShape: shapes.aes128 })],
    ['an ECDSA key', invalid, importKey({ keyShape: shapes.p256 })],
  ],
  ImportKeyVersion: [
    ['a disabled key', incorrectState, on('ImportKeyVersion', disabled)],
    ['material of another length', invalid, on('ImportKeyVersion', (stage) => freshKey(stage, shapes.aes128))],
  ],
  EnableKey: [
    ['a key that is enabled', incorrectState, on('EnableKey', plain)],
    ['a key that is to be deleted', incorrectState, on('EnableKey', scheduled)],
    ['a retry token whose key changed since', invalidatedToken, changedSince('EnableKey', disabled)],
  ],
  DisableKey: [
    ['a key that is disabled', incorrectState, on('DisableKey', disabled)],
    ['a retry token whose key changed since', invalidatedToken, changedSince('DisableKey', plain)],
  ],
  UpdateKey: [['a key that is to be deleted', incorrectState, on('UpdateKey', scheduled)]],
  ScheduleKeyDeletion: [
    ['a time 6 days from now', invalid, scheduleKey(6)],
    ['a time 31 days from now', invalid, scheduleKey(31)],
    ['a key that is to be deleted', incorrectState, on('ScheduleKeyDeletion', scheduled)],
    ['a time before that of one of its versions', conflict, on('ScheduleKeyDeletion', versionDueLater)],
  ],
  CancelKeyDeletion: [['a key that is not to be deleted', incorrectState, on('CancelKeyDeletion', plain)]],
  ChangeKeyCompartment: [
    [
      'a compartment that does not exist',
      notFound,
      ({ administrator, ready, absent: { subcompartmentId } }) =>
        () =>
          subjects.ChangeKeyCompartment.call(administrator, { ...ready, subcompartmentId }, {}),
    ],
    ['a key that is to be deleted', incorrectState, on('ChangeKeyCompartment', scheduled)],
  ],
  CreateKeyVersion: [
    ['a disabled key', incorrectState, on('CreateKeyVersion', disabled)],
    [
      'a version of an external key',
      invalid,
      ({ administrator, ready }) =>
        () =>
          sendTo(administrator, 'CreateKeyVersion', ready, '{"externalKeyVersionId":"x"}'),
    ],
  ],
  GetKeyVersion: [['a version of another key', notFound, on('GetKeyVersion', versionOfAnotherKey)]],
  ScheduleKeyVersionDeletion: [
    ['the current version', conflict, on('ScheduleKeyVersionDeletion', plain)],
    ['a version of another key', notFound, on('ScheduleKeyVersionDeletion', versionOfAnotherKey)],
    ['a version that is to be deleted', incorrectState, on('ScheduleKeyVersionDeletion', versionDueLater)],
  ],
  CancelKeyVersionDeletion: [
    ['a version that is not to be deleted', incorrectState, on('CancelKeyVersionDeletion', plain)],
  ],
  GetReplicationStatus: [
    [
      "another vault's replication",
      notFound,
      ({ administrator, ready, replica: { replicationId } }) =>
        () =>
          subjects.GetReplicationStatus.call(administrator, { ...ready, replicationId }, {}),
    ],
  ],
  GetReplicationReceipt: [
    [
      'the replica, which holds no receipts',
      notFound,
      ({ administrator, replica }) =>
        () =>
          subjects.GetReplicationReceipt.call(administrator, replica, {}),
    ],
  ],
})

async function versionDueLater(stage: Stage): Promise<Target> {
  const about = await freshKey(stage)
  const keys = stage.administrator.keys(about.vault.managementEndpoint)
  await keys.createKeyVersion({ keyId: about.keyId })
  await keys.scheduleKeyVersionDeletion({
    keyId: about.keyId,
    keyVersionId: about.oldVersionId,
    scheduleKeyVersionDeletionDetails: { timeOfDeletion: days(20) },
  })
  return about
}

async function versionOfAnotherKey(stage: Stage): Promise<Target> {
  const { currentKeyVersion } = await makeKey(stage.oci, stage.ready.vault)
  return { ...stage.ready, oldVersionId: currentKeyVersion }
}
