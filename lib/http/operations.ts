import type { Permission } from '../iam/permissions.ts'

/** Which function serves an operation, and at which endpoint it answers: the region's own or a vault's. */
export type FunctionName = 'vault' | 'keys' | 'crypto' | 'identity' | 'audit'
export type Plane = 'region' | 'vault'

/** Provisioning and management, writing and reading: OCI counts each per tenancy (contract §2.1). */
export type RateClass = 'PW' | 'PR' | 'MW' | 'MR'

interface Row {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{name}` stands for one path segment. */
  readonly path: string
  /**
   * What a caller needs, all of it (contract §9.5): VAULT_* on the vault's compartment, KEY_* on the key's.
   * INVARIANT: no row is empty, for that would be no question. `chosen` marks what no Oracle table settles.
   */
  readonly permissions: readonly [Permission, ...Permission[]]
  /** Whoever can sign may call it, as in OCI: it tells nothing of the tenancy. */
  readonly isOpen?: true
  /** Not signed: the caller shows an OIDC token of an issuer that the tenancy in the path trusts. */
  readonly caller?: 'workload'
  /** Where OCI publishes a rate. */
  readonly rateClass?: RateClass
  /** JSON of at most `maxBodyBytes` unless it is a file, whose limit is the host's (contract §7.2). */
  readonly body?: 'file'
}

export interface OperationRow extends Row {
  readonly serves: FunctionName
  readonly plane: Plane
}

const vaults = '/20180608/vaults'
const vault = `${vaults}/{vaultId}`
const keys = '/20180608/keys'
const key = `${keys}/{keyId}`
const versions = `${key}/keyVersions`
const version = `${versions}/{keyVersionId}`
const compartments = '/20160918/compartments'
const policies = '/20160918/policies'
const workRequests = '/20160918/workRequests'
const tenancies = '/20160918/tenancies'
const users = '/20160918/users'
const user = `${users}/{userId}`
const groups = '/20160918/groups'
const memberships = '/20160918/userGroupMemberships'
const dynamicGroups = '/20160918/dynamicGroups'
const tagNamespaces = '/20160918/tagNamespaces'
const tagNamespace = `${tagNamespaces}/{tagNamespaceId}`
const tags = `${tagNamespace}/tags`
const tagDefaults = '/20160918/tagDefaults'
const tagDefault = `${tagDefaults}/{tagDefaultId}`
const taggingWorkRequest = '/20160918/taggingWorkRequests/{workRequestId}'
const trustedIssuers = '/20160918/trustedIssuers'

// prettier-ignore
const vaultRows = {
  ListVaults: { method: 'GET', path: vaults, permissions: ['VAULT_INSPECT'], rateClass: 'PR' },
  CreateVault: { method: 'POST', path: vaults, permissions: ['VAULT_CREATE'], rateClass: 'PW' },
  GetVault: { method: 'GET', path: vault, permissions: ['VAULT_READ'], rateClass: 'PR' },
  UpdateVault: { method: 'PUT', path: vault, permissions: ['VAULT_UPDATE'], rateClass: 'PW' },
  ScheduleVaultDeletion: { method: 'POST', path: `${vault}/actions/scheduleDeletion`, permissions: ['VAULT_DELETE'], rateClass: 'PW' },
  CancelVaultDeletion: { method: 'POST', path: `${vault}/actions/cancelDeletion`, permissions: ['VAULT_DELETE'], rateClass: 'PW' },
  ChangeVaultCompartment: { method: 'POST', path: `${vault}/actions/changeCompartment`, permissions: ['VAULT_MOVE'], rateClass: 'PW' },
  GetVaultUsage: { method: 'GET', path: `${vault}/usage`, permissions: ['VAULT_READ'] },
  ListKeyVersionUsage: { method: 'GET', path: '/20180608/usage/keyVersions', permissions: ['VAULT_INSPECT', 'KEY_INSPECT'] }, // chosen: our own operation
  CreateVaultReplica: { method: 'POST', path: `${vault}/actions/createReplica`, permissions: ['VAULT_REPLICATE'], rateClass: 'PW' },
  DeleteVaultReplica: { method: 'POST', path: `${vault}/actions/deleteReplica`, permissions: ['VAULT_REPLICATE'], rateClass: 'PW' },
  ListVaultReplicas: { method: 'GET', path: `${vault}/actions/listReplicas`, permissions: ['VAULT_INSPECT'], rateClass: 'PW' },
  RedriveReplication: { method: 'POST', path: '/20180608/replicaOperations/actions/redrive', permissions: ['VAULT_REPLICATE'], rateClass: 'PW' }, // chosen: our own operation
} as const satisfies Record<string, Row>

/** Of whole vaults, but they open keys, which the function that lists vaults may not. */
// prettier-ignore
const savedVaultRows = {
  BackupVault: { method: 'POST', path: `${vault}/actions/backup`, permissions: ['VAULT_BACKUP'] },
  RestoreVaultFromFile: { method: 'POST', path: `${vaults}/actions/restoreFromFile`, permissions: ['VAULT_RESTORE'], body: 'file' },
  RestoreVaultFromObjectStore: { method: 'POST', path: `${vaults}/actions/restoreFromObjectStore`, permissions: ['VAULT_RESTORE'] },
} as const satisfies Record<string, Row>

// prettier-ignore
const keyRows = {
  ListKeys: { method: 'GET', path: keys, permissions: ['KEY_INSPECT'], rateClass: 'MR' },
  CreateKey: { method: 'POST', path: keys, permissions: ['KEY_CREATE', 'VAULT_CREATE_KEY'], rateClass: 'MW' },
  GetKey: { method: 'GET', path: key, permissions: ['KEY_READ'], rateClass: 'MR' },
  UpdateKey: { method: 'PUT', path: key, permissions: ['KEY_UPDATE'], rateClass: 'MW' },
  EnableKey: { method: 'POST', path: `${key}/actions/enable`, permissions: ['KEY_UPDATE'], rateClass: 'MW' },
  DisableKey: { method: 'POST', path: `${key}/actions/disable`, permissions: ['KEY_UPDATE'], rateClass: 'MW' },
  ScheduleKeyDeletion: { method: 'POST', path: `${key}/actions/scheduleDeletion`, permissions: ['KEY_DELETE'], rateClass: 'PW' },
  CancelKeyDeletion: { method: 'POST', path: `${key}/actions/cancelDeletion`, permissions: ['KEY_DELETE'], rateClass: 'PW' },
  ChangeKeyCompartment: { method: 'POST', path: `${key}/actions/changeCompartment`, permissions: ['KEY_MOVE'], rateClass: 'PW' },
  ListKeyVersions: { method: 'GET', path: versions, permissions: ['KEY_INSPECT'], rateClass: 'MR' },
  CreateKeyVersion: { method: 'POST', path: versions, permissions: ['KEY_ROTATE'], rateClass: 'MW' },
  GetKeyVersion: { method: 'GET', path: version, permissions: ['KEY_READ'], rateClass: 'MR' },
  ScheduleKeyVersionDeletion: { method: 'POST', path: `${version}/actions/scheduleDeletion`, permissions: ['KEY_DELETE'], rateClass: 'PW' }, // chosen
  CancelKeyVersionDeletion: { method: 'POST', path: `${version}/actions/cancelDeletion`, permissions: ['KEY_DELETE'], rateClass: 'PW' }, // chosen
  GetReplicationStatus: { method: 'GET', path: '/20180608/replicaOperations/{replicationId}/status', permissions: ['VAULT_READ'] }, // chosen
  GetReplicationReceipt: { method: 'GET', path: '/20180608/replicaOperations/{replicationId}/receipt', permissions: ['VAULT_READ'] }, // chosen: our own operation
  BackupKey: { method: 'POST', path: `${key}/actions/backup`, permissions: ['KEY_BACKUP'] },
  RestoreKeyFromFile: { method: 'POST', path: `${keys}/actions/restoreFromFile`, permissions: ['KEY_RESTORE'], body: 'file' },
  RestoreKeyFromObjectStore: { method: 'POST', path: `${keys}/actions/restoreFromObjectStore`, permissions: ['KEY_RESTORE'] },
  GetWrappingKey: { method: 'GET', path: '/20180608/wrappingKeys', permissions: ['VAULT_READ'] }, // chosen
  ImportKey: { method: 'POST', path: `${keys}/import`, permissions: ['KEY_IMPORT', 'VAULT_IMPORT_KEY'] },
  ImportKeyVersion: { method: 'POST', path: `${versions}/import`, permissions: ['KEY_IMPORT'] },
} as const satisfies Record<string, Row>

// prettier-ignore
const cryptoRows = {
  Encrypt: { method: 'POST', path: '/20180608/encrypt', permissions: ['KEY_ENCRYPT'] },
  Decrypt: { method: 'POST', path: '/20180608/decrypt', permissions: ['KEY_DECRYPT'] },
  GenerateDataEncryptionKey: { method: 'POST', path: '/20180608/generateDataEncryptionKey', permissions: ['KEY_ENCRYPT'] },
  Sign: { method: 'POST', path: '/20180608/sign', permissions: ['KEY_SIGN'] },
  Verify: { method: 'POST', path: '/20180608/verify', permissions: ['KEY_VERIFY'] },
  ExportKey: { method: 'POST', path: '/20180608/exportKey', permissions: ['KEY_EXPORT'] },
} as const satisfies Record<string, Row>

// prettier-ignore
const identityRows = {
  ListCompartments: { method: 'GET', path: compartments, permissions: ['COMPARTMENT_INSPECT'] },
  CreateCompartment: { method: 'POST', path: compartments, permissions: ['COMPARTMENT_CREATE'] },
  GetCompartment: { method: 'GET', path: `${compartments}/{compartmentId}`, permissions: ['COMPARTMENT_INSPECT'] },
  UpdateCompartment: { method: 'PUT', path: `${compartments}/{compartmentId}`, permissions: ['COMPARTMENT_UPDATE'] },
  DeleteCompartment: { method: 'DELETE', path: `${compartments}/{compartmentId}`, permissions: ['COMPARTMENT_DELETE'] },
  // chosen: OCI wants all resources managed in what holds both; here compartments, where it is and where it goes
  MoveCompartment: { method: 'POST', path: `${compartments}/{compartmentId}/actions/moveCompartment`, permissions: ['COMPARTMENT_CREATE', 'COMPARTMENT_DELETE'] },
  RecoverCompartment: { method: 'POST', path: `${compartments}/{compartmentId}/actions/recoverCompartment`, permissions: ['COMPARTMENT_RECOVER'] },
  ListWorkRequests: { method: 'GET', path: workRequests, permissions: ['COMPARTMENT_INSPECT'] },
  GetWorkRequest: { method: 'GET', path: `${workRequests}/{workRequestId}`, permissions: ['COMPARTMENT_INSPECT'] },
  ListWorkRequestErrors: { method: 'GET', path: `${workRequests}/{workRequestId}/errors`, permissions: ['COMPARTMENT_INSPECT'] },
  ListWorkRequestLogs: { method: 'GET', path: `${workRequests}/{workRequestId}/logs`, permissions: ['COMPARTMENT_INSPECT'] },
  GetTenancy: { method: 'GET', path: `${tenancies}/{tenancyId}`, permissions: ['TENANCY_INSPECT'] },
  ListRegionSubscriptions: { method: 'GET', path: `${tenancies}/{tenancyId}/regionSubscriptions`, permissions: ['TENANCY_INSPECT'] },
  ListRegions: { method: 'GET', path: '/20160918/regions', permissions: ['TENANCY_INSPECT'], isOpen: true },
  ListAvailabilityDomains: { method: 'GET', path: '/20160918/availabilityDomains', permissions: ['COMPARTMENT_INSPECT'] },
  ListFaultDomains: { method: 'GET', path: '/20160918/faultDomains', permissions: ['COMPARTMENT_INSPECT'] },
  ListPolicies: { method: 'GET', path: policies, permissions: ['POLICY_READ'] },
  CreatePolicy: { method: 'POST', path: policies, permissions: ['POLICY_CREATE'] },
  GetPolicy: { method: 'GET', path: `${policies}/{policyId}`, permissions: ['POLICY_READ'] },
  UpdatePolicy: { method: 'PUT', path: `${policies}/{policyId}`, permissions: ['POLICY_UPDATE'] },
  DeletePolicy: { method: 'DELETE', path: `${policies}/{policyId}`, permissions: ['POLICY_DELETE'] },
  ExplainPolicy: { method: 'GET', path: '/20160918/policyExplanations', permissions: ['POLICY_READ', 'USER_INSPECT', 'GROUP_INSPECT'] }, // chosen: our own operation
  ListUsers: { method: 'GET', path: users, permissions: ['USER_INSPECT'] },
  CreateUser: { method: 'POST', path: users, permissions: ['USER_CREATE'] },
  GetUser: { method: 'GET', path: user, permissions: ['USER_INSPECT'] },
  UpdateUser: { method: 'PUT', path: user, permissions: ['USER_UPDATE'] },
  DeleteUser: { method: 'DELETE', path: user, permissions: ['USER_DELETE'] },
  ListApiKeys: { method: 'GET', path: `${user}/apiKeys`, permissions: ['USER_READ'] },
  UploadApiKey: { method: 'POST', path: `${user}/apiKeys`, permissions: ['USER_UPDATE', 'USER_APIKEY_ADD'] },
  DeleteApiKey: { method: 'DELETE', path: `${user}/apiKeys/{fingerprint}`, permissions: ['USER_UPDATE', 'USER_APIKEY_REMOVE'] },
  ListGroups: { method: 'GET', path: groups, permissions: ['GROUP_INSPECT'] },
  CreateGroup: { method: 'POST', path: groups, permissions: ['GROUP_CREATE'] },
  GetGroup: { method: 'GET', path: `${groups}/{groupId}`, permissions: ['GROUP_INSPECT'] },
  UpdateGroup: { method: 'PUT', path: `${groups}/{groupId}`, permissions: ['GROUP_UPDATE'] },
  DeleteGroup: { method: 'DELETE', path: `${groups}/{groupId}`, permissions: ['GROUP_DELETE'] },
  ListUserGroupMemberships: { method: 'GET', path: memberships, permissions: ['USER_INSPECT', 'GROUP_INSPECT'] },
  AddUserToGroup: { method: 'POST', path: memberships, permissions: ['USER_UPDATE', 'GROUP_UPDATE'] },
  GetUserGroupMembership: { method: 'GET', path: `${memberships}/{membershipId}`, permissions: ['USER_INSPECT', 'GROUP_INSPECT'] },
  RemoveUserFromGroup: { method: 'DELETE', path: `${memberships}/{membershipId}`, permissions: ['USER_UPDATE', 'GROUP_UPDATE'] },
  ListDynamicGroups: { method: 'GET', path: dynamicGroups, permissions: ['DYNAMIC_GROUP_INSPECT'] },
  CreateDynamicGroup: { method: 'POST', path: dynamicGroups, permissions: ['DYNAMIC_GROUP_CREATE'] },
  GetDynamicGroup: { method: 'GET', path: `${dynamicGroups}/{dynamicGroupId}`, permissions: ['DYNAMIC_GROUP_INSPECT'] },
  UpdateDynamicGroup: { method: 'PUT', path: `${dynamicGroups}/{dynamicGroupId}`, permissions: ['DYNAMIC_GROUP_UPDATE'] },
  DeleteDynamicGroup: { method: 'DELETE', path: `${dynamicGroups}/{dynamicGroupId}`, permissions: ['DYNAMIC_GROUP_DELETE'] },
  ListTagNamespaces: { method: 'GET', path: tagNamespaces, permissions: ['TAG_NAMESPACE_INSPECT'] },
  CreateTagNamespace: { method: 'POST', path: tagNamespaces, permissions: ['TAG_NAMESPACE_CREATE'] },
  GetTagNamespace: { method: 'GET', path: tagNamespace, permissions: ['TAG_NAMESPACE_INSPECT'] },
  UpdateTagNamespace: { method: 'PUT', path: tagNamespace, permissions: ['TAG_NAMESPACE_UPDATE'] },
  DeleteTagNamespace: { method: 'DELETE', path: tagNamespace, permissions: ['TAG_NAMESPACE_DELETE'] },
  CascadeDeleteTagNamespace: { method: 'POST', path: `${tagNamespace}/actions/cascadeDelete`, permissions: ['TAG_NAMESPACE_DELETE'] },
  ChangeTagNamespaceCompartment: { method: 'POST', path: `${tagNamespace}/actions/changeCompartment`, permissions: ['TAG_NAMESPACE_MOVE'] },
  ListTags: { method: 'GET', path: tags, permissions: ['TAG_NAMESPACE_INSPECT'] },
  CreateTag: { method: 'POST', path: tags, permissions: ['TAG_NAMESPACE_USE'] },
  GetTag: { method: 'GET', path: `${tags}/{tagName}`, permissions: ['TAG_NAMESPACE_INSPECT'] },
  UpdateTag: { method: 'PUT', path: `${tags}/{tagName}`, permissions: ['TAG_NAMESPACE_USE'] },
  DeleteTag: { method: 'DELETE', path: `${tags}/{tagName}`, permissions: ['TAG_NAMESPACE_DELETE'] },
  ListTagDefaults: { method: 'GET', path: tagDefaults, permissions: ['TAG_DEFAULT_INSPECT'] },
  AssembleEffectiveTagSet: { method: 'GET', path: `${tagDefaults}/actions/assembleEffectiveTagSet`, permissions: ['TAG_DEFAULT_INSPECT'] },
  // Of the key's namespace, TAG_NAMESPACE_USE is asked too.
  CreateTagDefault: { method: 'POST', path: tagDefaults, permissions: ['TAG_DEFAULT_CREATE'] },
  GetTagDefault: { method: 'GET', path: tagDefault, permissions: ['TAG_DEFAULT_INSPECT'] },
  UpdateTagDefault: { method: 'PUT', path: tagDefault, permissions: ['TAG_DEFAULT_UPDATE'] },
  DeleteTagDefault: { method: 'DELETE', path: tagDefault, permissions: ['TAG_DEFAULT_DELETE'] },
  GetTaggingWorkRequest: { method: 'GET', path: taggingWorkRequest, permissions: ['TAG_NAMESPACE_INSPECT'] },
  ListTaggingWorkRequestErrors: { method: 'GET', path: `${taggingWorkRequest}/errors`, permissions: ['TAG_NAMESPACE_INSPECT'] },
  ListTaggingWorkRequestLogs: { method: 'GET', path: `${taggingWorkRequest}/logs`, permissions: ['TAG_NAMESPACE_INSPECT'] },
  // Ours alone (docs/sign-in.md): who else's tokens are believed, and tokens for a while in place of keys.
  ListTrustedIssuers: { method: 'GET', path: trustedIssuers, permissions: ['TRUSTED_ISSUER_INSPECT'] },
  CreateTrustedIssuer: { method: 'POST', path: trustedIssuers, permissions: ['TRUSTED_ISSUER_CREATE'] },
  GetTrustedIssuer: { method: 'GET', path: `${trustedIssuers}/{trustedIssuerId}`, permissions: ['TRUSTED_ISSUER_INSPECT'] },
  DeleteTrustedIssuer: { method: 'DELETE', path: `${trustedIssuers}/{trustedIssuerId}`, permissions: ['TRUSTED_ISSUER_DELETE'] },
  CreateSessionToken: { method: 'POST', path: '/20160918/sessionTokens', permissions: ['TENANCY_INSPECT'], isOpen: true },
  ExchangeToken: { method: 'POST', path: `${tenancies}/{tenancyId}/actions/exchangeToken`, permissions: ['TENANCY_INSPECT'], isOpen: true, caller: 'workload' },
  // Of the audit; here, because the function that lists events must not be able to write. The permissions are chosen.
  GetConfiguration: { method: 'GET', path: '/20190901/configuration', permissions: ['AUDIT_CONFIGURATION_READ'] },
  UpdateConfiguration: { method: 'PUT', path: '/20190901/configuration', permissions: ['AUDIT_CONFIGURATION_UPDATE'] },
} as const satisfies Record<string, Row>

const auditRows = {
  ListEvents: { method: 'GET', path: '/20190901/auditEvents', permissions: ['AUDIT_EVENT_READ'] },
} as const satisfies Record<string, Row>

/**
 * Every operation there is, by its operationId: one row each, from which the router, the gateways, authorization, the
 * rate limiter and serverless.yml's events are made. A new operation is its row here, its handler and its domain function.
 */
export const operations = {
  ...served('vault', 'region', vaultRows),
  ...served('keys', 'region', savedVaultRows),
  ...served('keys', 'vault', keyRows),
  ...served('crypto', 'vault', cryptoRows),
  ...served('identity', 'region', identityRows),
  ...served('audit', 'region', auditRows),
} satisfies Record<string, OperationRow>

export type OperationName = keyof typeof operations

function served<F extends FunctionName, P extends Plane, R extends Record<string, Row>>(serves: F, plane: P, rows: R) {
  return Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, { ...row, serves, plane }])) as {
    readonly [K in keyof R]: R[K] & { readonly serves: F; readonly plane: P }
  }
}

/** The row of an operation, with the members that only some rows have. */
export function rowOf(operation: OperationName): OperationRow {
  return operations[operation]
}
