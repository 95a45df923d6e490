import type { Permission } from './permissions.ts'

/**
 * What each operation needs, all of it (contract §9.5): VAULT_* on the vault's compartment, KEY_* on the key's.
 * INVARIANT: no row is empty. ListRegions needs nothing but a signature, so it has no row.
 * `chosen` marks what no Oracle table settles.
 */
export const operationPermissions = {
  ListVaults: ['VAULT_INSPECT'],
  ListVaultReplicas: ['VAULT_INSPECT'],
  GetVault: ['VAULT_READ'],
  GetVaultUsage: ['VAULT_READ'],
  ListKeyVersionUsage: ['VAULT_INSPECT', 'KEY_INSPECT'], // chosen: our own operation
  CreateVault: ['VAULT_CREATE'],
  UpdateVault: ['VAULT_UPDATE'],
  ScheduleVaultDeletion: ['VAULT_DELETE'],
  CancelVaultDeletion: ['VAULT_DELETE'],
  ChangeVaultCompartment: ['VAULT_MOVE'],
  BackupVault: ['VAULT_BACKUP'],
  RestoreVaultFromFile: ['VAULT_RESTORE'],
  RestoreVaultFromObjectStore: ['VAULT_RESTORE'],
  CreateVaultReplica: ['VAULT_REPLICATE'],
  DeleteVaultReplica: ['VAULT_REPLICATE'],

  ListKeys: ['KEY_INSPECT'],
  ListKeyVersions: ['KEY_INSPECT'],
  GetKey: ['KEY_READ'],
  GetKeyVersion: ['KEY_READ'],
  CreateKey: ['KEY_CREATE', 'VAULT_CREATE_KEY'],
  ImportKey: ['KEY_IMPORT', 'VAULT_IMPORT_KEY'],
  ImportKeyVersion: ['KEY_IMPORT'],
  UpdateKey: ['KEY_UPDATE'],
  EnableKey: ['KEY_UPDATE'],
  DisableKey: ['KEY_UPDATE'],
  CreateKeyVersion: ['KEY_ROTATE'],
  ScheduleKeyDeletion: ['KEY_DELETE'],
  CancelKeyDeletion: ['KEY_DELETE'],
  ScheduleKeyVersionDeletion: ['KEY_DELETE'], // chosen
  CancelKeyVersionDeletion: ['KEY_DELETE'], // chosen
  ChangeKeyCompartment: ['KEY_MOVE'],
  BackupKey: ['KEY_BACKUP'],
  RestoreKeyFromFile: ['KEY_RESTORE'],
  RestoreKeyFromObjectStore: ['KEY_RESTORE'],
  GetWrappingKey: ['VAULT_READ'], // chosen
  GetReplicationStatus: ['VAULT_READ'], // chosen

  Encrypt: ['KEY_ENCRYPT'],
  GenerateDataEncryptionKey: ['KEY_ENCRYPT'],
  Decrypt: ['KEY_DECRYPT'],
  Sign: ['KEY_SIGN'],
  Verify: ['KEY_VERIFY'],
  ExportKey: ['KEY_EXPORT'],

  ListEvents: ['AUDIT_EVENT_READ'],
  GetConfiguration: ['TENANCY_INSPECT'], // chosen
  UpdateConfiguration: ['TENANCY_UPDATE'], // chosen

  ListCompartments: ['COMPARTMENT_INSPECT'],
  GetCompartment: ['COMPARTMENT_INSPECT'],
  CreateCompartment: ['COMPARTMENT_CREATE'],
  UpdateCompartment: ['COMPARTMENT_UPDATE'],
  DeleteCompartment: ['COMPARTMENT_DELETE'],
  MoveCompartment: ['COMPARTMENT_DELETE', 'COMPARTMENT_CREATE'], // chosen: it changes who reaches what is inside
  RecoverCompartment: ['COMPARTMENT_RECOVER'],
  ListPolicies: ['POLICY_READ'],
  GetPolicy: ['POLICY_READ'],
  CreatePolicy: ['POLICY_CREATE'],
  UpdatePolicy: ['POLICY_UPDATE'],
  DeletePolicy: ['POLICY_DELETE'],
  ListUsers: ['USER_INSPECT'],
  GetUser: ['USER_INSPECT'],
  CreateUser: ['USER_CREATE'],
  UpdateUser: ['USER_UPDATE'],
  DeleteUser: ['USER_DELETE'],
  ListGroups: ['GROUP_INSPECT'],
  GetGroup: ['GROUP_INSPECT'],
  CreateGroup: ['GROUP_CREATE'],
  UpdateGroup: ['GROUP_UPDATE'],
  DeleteGroup: ['GROUP_DELETE'],
  ListDynamicGroups: ['DYNAMIC_GROUP_INSPECT'],
  GetDynamicGroup: ['DYNAMIC_GROUP_INSPECT'],
  CreateDynamicGroup: ['DYNAMIC_GROUP_CREATE'],
  UpdateDynamicGroup: ['DYNAMIC_GROUP_UPDATE'],
  DeleteDynamicGroup: ['DYNAMIC_GROUP_DELETE'],
  ListUserGroupMemberships: ['GROUP_INSPECT', 'USER_INSPECT'],
  GetUserGroupMembership: ['GROUP_INSPECT', 'USER_INSPECT'],
  AddUserToGroup: ['GROUP_UPDATE', 'USER_UPDATE'],
  RemoveUserFromGroup: ['GROUP_UPDATE', 'USER_UPDATE'],
  ListApiKeys: ['USER_READ'],
  UploadApiKey: ['USER_UPDATE', 'USER_APIKEY_ADD'],
  DeleteApiKey: ['USER_UPDATE', 'USER_APIKEY_REMOVE'],
  GetTenancy: ['TENANCY_INSPECT'],
  ListRegionSubscriptions: ['TENANCY_INSPECT'],
  ListAvailabilityDomains: ['COMPARTMENT_INSPECT'],
} as const satisfies Record<string, readonly [Permission, ...Permission[]]>

export type OperationName = keyof typeof operationPermissions
