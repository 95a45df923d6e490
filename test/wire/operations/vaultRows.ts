import type { models } from 'oci-keymanagement'
import { days } from './days.ts'
import { conflict, incorrectState, invalid, invalidatedToken, notFound, rowsOf } from './row.ts'
import { freshKey, freshVault, type Stage } from './stage.ts'
import { subjects } from './subjects.ts'

const replicaTo =
  (replicaRegion: string) =>
  ({ administrator, ready }: Stage) =>
  () =>
    subjects.CreateVaultReplica.call(administrator, { ...ready, replicaRegion }, {})

const createVault = (details: object) => (stage: Stage) => () => {
  const createVaultDetails = {
    compartmentId: stage.ready.compartmentId,
    displayName: 'v',
    ...details,
  } as models.CreateVaultDetails
  return stage.administrator.vaults(stage.ready.region).createVault({ createVaultDetails })
}

const scheduleVault = (after: number) => async (stage: Stage) => {
  const { vault, region } = await freshVault(stage)
  const scheduleVaultDeletionDetails = { timeOfDeletion: days(after) }
  return () =>
    stage.administrator.vaults(region).scheduleVaultDeletion({ vaultId: vault.id, scheduleVaultDeletionDetails })
}

const createPolicy = (details: object) => (stage: Stage) => () => {
  const statements = ['Allow group Administrators to read keys in tenancy']
  const createPolicyDetails = {
    compartmentId: stage.ready.compartmentId,
    name: stage.ready.name,
    description: 'd',
    statements,
  }
  return stage.administrator
    .identity(stage.ready.region)
    .createPolicy({ createPolicyDetails: { ...createPolicyDetails, ...details } })
}

/** What only some operations on vaults and on identity refuse. */
export const vaultRows = rowsOf({
  CreateVault: [
    ['an EXTERNAL vault', invalid, createVault({ vaultType: 'EXTERNAL' })],
    ['a displayName of 256 characters', invalid, createVault({ vaultType: 'DEFAULT', displayName: 'x'.repeat(256) })],
    [
      'a retry token whose vault changed since',
      invalidatedToken,
      async (stage) => {
        const call = () =>
          subjects.CreateVault.call(stage.administrator, stage.ready, { opcRetryToken: 'changed vault' })
        const { vault } = (await call()) as { vault: models.Vault }
        await stage.oci.vaults().updateVault({ vaultId: vault.id, updateVaultDetails: { displayName: 'other' } })
        return call
      },
    ],
  ],
  ScheduleVaultDeletion: [
    ['a time 6 days from now', invalid, scheduleVault(6)],
    ['a time 31 days from now', invalid, scheduleVault(31)],
    [
      'a time before that of one of its keys',
      conflict,
      async (stage) => {
        const about = await freshVault(stage)
        const { keyId } = await freshKey({ ...stage, ready: about })
        const keys = stage.administrator.keys(about.vault.managementEndpoint)
        await keys.scheduleKeyDeletion({ keyId, scheduleKeyDeletionDetails: { timeOfDeletion: days(20) } })
        return () => subjects.ScheduleVaultDeletion.call(stage.administrator, about, {})
      },
    ],
  ],
  CancelVaultDeletion: [
    [
      'a vault that is not to be deleted',
      incorrectState,
      ({ administrator, ready }) =>
        () =>
          subjects.CancelVaultDeletion.call(administrator, ready, {}),
    ],
  ],
  ChangeVaultCompartment: [
    [
      'a compartment that does not exist',
      notFound,
      ({ administrator, ready, absent: { subcompartmentId } }) =>
        () =>
          subjects.ChangeVaultCompartment.call(administrator, { ...ready, subcompartmentId }, {}),
    ],
  ],
  CreateVaultReplica: [
    ["the vault's own region", invalid, replicaTo('us-ashburn-1')],
    ['a region that is not there', invalid, replicaTo('eu-frankfurt-1')],
    [
      'a tenancy without the statement for the service',
      notFound,
      ({ administrator, ready, unserved }) =>
        () =>
          subjects.CreateVaultReplica.call(administrator, { ...ready, vault: unserved }, {}),
    ],
  ],
  DeleteVaultReplica: [
    [
      'a region without a replica',
      notFound,
      ({ administrator, ready }) =>
        () =>
          subjects.DeleteVaultReplica.call(administrator, ready, {}),
    ],
  ],
  CreatePolicy: [
    ['a statement that does not parse', invalid, createPolicy({ statements: ['Let all do everything'] })],
    ['a name that is taken', '409 NotAuthorizedOrResourceAlreadyExists', createPolicy({ name: 'vault-replication' })],
  ],
  CreateCompartment: [
    [
      'a name that is taken',
      '409 NotAuthorizedOrResourceAlreadyExists',
      ({ administrator, ready }) =>
        () =>
          subjects.CreateCompartment.call(administrator, { ...ready, name: 'empty' }, {}),
    ],
  ],
  UpdateCompartment: [['the tenancy itself', invalid, onTenancy('UpdateCompartment')]],
  DeleteCompartment: [
    ['the tenancy itself', invalid, onTenancy('DeleteCompartment')],
    [
      'a compartment that is not empty',
      conflict,
      async (stage) => {
        const { administrator, ready } = stage
        const createCompartmentDetails = { compartmentId: stage.ready.compartmentId, name: 'full', description: 'd' }
        const identity = administrator.identity(ready.region)
        const { compartment } = await identity.createCompartment({ createCompartmentDetails })
        const about = { ...ready, compartmentId: compartment.id, subcompartmentId: compartment.id }
        await subjects.CreateVault.call(administrator, about, {})
        return () => subjects.DeleteCompartment.call(administrator, about, {})
      },
    ],
  ],
})

function onTenancy(operation: 'UpdateCompartment' | 'DeleteCompartment') {
  return ({ administrator, ready }: Stage) =>
    () =>
      subjects[operation].call(administrator, { ...ready, subcompartmentId: ready.compartmentId }, {})
}
