/** What the requests are about; `spare` is a vault that may be scheduled for deletion. */
export interface Ids {
  readonly tenancyId: string
  readonly vaultId: string
  readonly spareVaultId: string
  readonly spareKeyId: string
  readonly keyId: string
  readonly signingKeyId: string
  readonly versionId: string
  readonly policyId: string
  readonly compartmentId: string
  readonly userId: string
  readonly groupId: string
  /** A tag namespace that may be changed, and a key of it. */
  readonly tagNamespaceId: string
  readonly tagId: string
  now(): number
}

export type Members = Record<string, unknown>

/** A request model: its name, where it goes, and a body that is accepted as far as its form goes. */
export type Model = readonly [string, 'POST' | 'PUT', (ids: Ids) => string, (ids: Ids) => Members]

const aes = { algorithm: 'AES', length: 32 }
const text = 'aGVsbG8='
const tags = { freeformTags: { a: 'b' }, definedTags: { n: { k: 1 } } }
const validator = { validatorType: 'ENUM', values: ['v', 'w'] }
const named = (ids: Ids) => ({ compartmentId: ids.tenancyId, displayName: 'd', ...tags })
const rotation = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 90 } }
const wrappedImportKey = { keyMaterial: text, wrappingAlgorithm: 'RSA_OAEP_SHA256' }
const inAWeek = (ids: Ids) => ({ timeOfDeletion: new Date(ids.now() + 8 * 86_400_000).toISOString() })
const context = { associatedData: { a: 'b' }, loggingContext: { c: 'd' } }
const bucket = { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'o' }
const signing = (ids: Ids) => ({
  keyId: ids.signingKeyId,
  message: text,
  messageType: 'RAW',
  signingAlgorithm: 'ECDSA_SHA_256',
})
const policy = () => ({
  ...tags,
  description: 'd',
  statements: ['Allow group Administrators to read keys in tenancy'],
  versionDate: '',
})
export const keys = '/20180608/keys'
const key = (ids: Ids) => `${keys}/${ids.keyId}`
const vault = (ids: Ids) => `/20180608/vaults/${ids.vaultId}`

export const requestModels: readonly Model[] = [
  ['CreateVaultDetails', 'POST', () => '/20180608/vaults', (ids) => ({ ...named(ids), vaultType: 'DEFAULT' })],
  ['UpdateVaultDetails', 'PUT', vault, () => ({ displayName: 'd', ...tags })],
  [
    'CreateVaultReplicaDetails',
    'POST',
    (ids) => `${vault(ids)}/actions/createReplica`,
    () => ({ replicaRegion: 'x-y-1' }),
  ],
  [
    'DeleteVaultReplicaDetails',
    'POST',
    (ids) => `${vault(ids)}/actions/deleteReplica`,
    () => ({ replicaRegion: 'x-y-1' }),
  ],
  [
    'BackupVaultDetails',
    'POST',
    (ids) => `${vault(ids)}/actions/backup`,
    () => ({ backupLocation: bucket, isIncludeKeys: true }),
  ],
  [
    'ChangeVaultCompartmentDetails',
    'POST',
    (ids) => `${vault(ids)}/actions/changeCompartment`,
    (ids) => ({ compartmentId: ids.tenancyId }),
  ],
  [
    'CreateKeyDetails',
    'POST',
    () => keys,
    (ids) => ({ ...named(ids), keyShape: aes, protectionMode: 'HSM', ...rotation }),
  ],
  ['UpdateKeyDetails', 'PUT', key, () => ({ displayName: 'd', ...tags, ...rotation })],
  ['ImportKeyDetails', 'POST', () => `${keys}/import`, (ids) => ({ ...named(ids), keyShape: aes, wrappedImportKey })],
  ['ImportKeyVersionDetails', 'POST', (ids) => `${key(ids)}/keyVersions/import`, () => ({ wrappedImportKey })],
  ['BackupKeyDetails', 'POST', (ids) => `${key(ids)}/actions/backup`, () => ({ backupLocation: bucket })],
  [
    'RestoreKeyFromObjectStoreDetails',
    'POST',
    () => `${keys}/actions/restoreFromObjectStore`,
    () => ({ backupLocation: bucket }),
  ],
  [
    'ScheduleKeyVersionDeletionDetails',
    'POST',
    (ids) => `${key(ids)}/keyVersions/${ids.versionId}/actions/scheduleDeletion`,
    inAWeek,
  ],
  ['ScheduleKeyDeletionDetails', 'POST', (ids) => `${keys}/${ids.spareKeyId}/actions/scheduleDeletion`, inAWeek],
  [
    'EncryptDataDetails',
    'POST',
    () => '/20180608/encrypt',
    (ids) => ({ keyId: ids.keyId, plaintext: text, ...context }),
  ],
  [
    'DecryptDataDetails',
    'POST',
    () => '/20180608/decrypt',
    (ids) => ({ keyId: ids.keyId, ciphertext: text, ...context }),
  ],
  [
    'GenerateKeyDetails',
    'POST',
    () => '/20180608/generateDataEncryptionKey',
    (ids) => ({ keyId: ids.keyId, includePlaintextKey: true, keyShape: aes, ...context }),
  ],
  ['SignDataDetails', 'POST', () => '/20180608/sign', signing],
  [
    'VerifyDataDetails',
    'POST',
    () => '/20180608/verify',
    (ids) => ({ ...signing(ids), keyVersionId: ids.versionId, signature: text }),
  ],
  [
    'ExportKeyDetails',
    'POST',
    () => '/20180608/exportKey',
    (ids) => ({ keyId: ids.keyId, algorithm: 'RSA_OAEP_SHA256', publicKey: 'x' }),
  ],
  [
    'CreatePolicyDetails',
    'POST',
    () => '/20160918/policies',
    (ids) => ({ compartmentId: ids.tenancyId, name: 'n', ...policy() }),
  ],
  [
    'CreateCompartmentDetails',
    'POST',
    () => '/20160918/compartments',
    (ids) => ({ compartmentId: ids.tenancyId, name: 'n', description: 'd', ...tags }),
  ],
  [
    'ScheduleVaultDeletionDetails',
    'POST',
    (ids) => `/20180608/vaults/${ids.spareVaultId}/actions/scheduleDeletion`,
    inAWeek,
  ],
  [
    'ChangeKeyCompartmentDetails',
    'POST',
    (ids) => `${key(ids)}/actions/changeCompartment`,
    (ids) => ({ compartmentId: ids.tenancyId }),
  ],
  ['CreateKeyVersionDetails', 'POST', (ids) => `${key(ids)}/keyVersions`, () => ({ externalKeyVersionId: null })],
  [
    'RestoreVaultFromObjectStoreDetails',
    'POST',
    (ids) => `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${ids.tenancyId}`,
    () => ({ backupLocation: bucket }),
  ],
  ['UpdatePolicyDetails', 'PUT', (ids) => `/20160918/policies/${ids.policyId}`, policy],
  [
    'UpdateCompartmentDetails',
    'PUT',
    (ids) => `/20160918/compartments/${ids.compartmentId}`,
    () => ({ name: 'n', description: 'd', ...tags }),
  ],
  [
    'MoveCompartmentDetails',
    'POST',
    (ids) => `/20160918/compartments/${ids.compartmentId}/actions/moveCompartment`,
    (ids) => ({ targetCompartmentId: ids.tenancyId }),
  ],
  [
    'CreateUserDetails',
    'POST',
    () => '/20160918/users',
    (ids) => ({ compartmentId: ids.tenancyId, name: 'n', description: 'd', email: 'a@b.example', ...tags }),
  ],
  [
    'UpdateUserDetails',
    'PUT',
    (ids) => `/20160918/users/${ids.userId}`,
    () => ({ description: 'd', email: 'a@b.example', ...tags }),
  ],
  ['CreateApiKeyDetails', 'POST', (ids) => `/20160918/users/${ids.userId}/apiKeys`, () => ({ key: 'x' })],
  [
    'CreateGroupDetails',
    'POST',
    () => '/20160918/groups',
    (ids) => ({ compartmentId: ids.tenancyId, name: 'n', description: 'd', ...tags }),
  ],
  ['UpdateGroupDetails', 'PUT', (ids) => `/20160918/groups/${ids.groupId}`, () => ({ description: 'd', ...tags })],
  [
    'AddUserToGroupDetails',
    'POST',
    () => '/20160918/userGroupMemberships',
    (ids) => ({ userId: ids.userId, groupId: ids.groupId }),
  ],
  [
    'CreateDynamicGroupDetails',
    'POST',
    () => '/20160918/dynamicGroups',
    (ids) => ({
      compartmentId: ids.tenancyId,
      name: 'n',
      description: 'd',
      matchingRule: "request.principal.sub = 'c'",
      ...tags,
    }),
  ],
  [
    'CreateTagNamespaceDetails',
    'POST',
    () => '/20160918/tagNamespaces',
    (ids) => ({ compartmentId: ids.tenancyId, name: 'x', description: 'd', ...tags }),
  ],
  [
    'UpdateTagNamespaceDetails',
    'PUT',
    (ids) => `/20160918/tagNamespaces/${ids.tagNamespaceId}`,
    () => ({ description: 'd', isRetired: false, ...tags }),
  ],
  [
    'ChangeTagNamespaceCompartmentDetail',
    'POST',
    (ids) => `/20160918/tagNamespaces/${ids.tagNamespaceId}/actions/changeCompartment`,
    (ids) => ({ compartmentId: ids.tenancyId }),
  ],
  [
    'CreateTagDetails',
    'POST',
    (ids) => `/20160918/tagNamespaces/${ids.tagNamespaceId}/tags`,
    () => ({ name: 'x', description: 'd', isCostTracking: true, validator, ...tags }),
  ],
  [
    'UpdateTagDetails',
    'PUT',
    (ids) => `/20160918/tagNamespaces/${ids.tagNamespaceId}/tags/k`,
    () => ({ description: 'd', isRetired: false, isCostTracking: true, validator, ...tags }),
  ],
  [
    'CreateTagDefaultDetails',
    'POST',
    () => '/20160918/tagDefaults',
    (ids) => ({ compartmentId: ids.compartmentId, tagDefinitionId: ids.tagId, value: 'v', isRequired: false }),
  ],
  [
    'UpdateAuditConfigurationDetails',
    'PUT',
    (ids) => `/20190901/configuration?compartmentId=${ids.tenancyId}`,
    () => ({ retentionPeriodDays: 90 }),
  ],
]
