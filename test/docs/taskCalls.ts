import { regionB } from '../harness/twoRegions.ts'
import { newPublicKey } from '../wire/operations/people.ts'

/** A compartment with a vault, two keys and what was made with them. */
export interface TaskPlace {
  readonly tenancyId: string
  readonly compartmentId: string
  readonly vaultId: string
  readonly keyId: string
  readonly signingKeyId: string
  readonly ciphertext: string
  readonly signature: string
  /** Of the signature. */
  readonly keyVersionId: string
  readonly userId: string
  readonly groupId: string
  readonly day: string
}

interface TaskCall {
  readonly method: 'GET' | 'POST'
  readonly target: string
  readonly body?: object
  /** Sent to the vault's endpoint. */
  readonly isOfVault: boolean
}

const get = (target: string, isOfVault = false): TaskCall => ({ method: 'GET', target, isOfVault })
const post = (target: string, body: object = {}, isOfVault = false): TaskCall => ({
  method: 'POST',
  target,
  body,
  isOfVault,
})
const kms = (target: string, body?: object): TaskCall =>
  body === undefined ? get(`/20180608/${target}`, true) : post(`/20180608/${target}`, body, true)

const aes = { algorithm: 'AES', length: 32 }
const signing = { message: 'aGk=', messageType: 'RAW', signingAlgorithm: 'ECDSA_SHA_256' }
const backupLocation = { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'o' }

/** A call of each operation that docs/policies.md names, right in everything but the caller's right to it. */
export const taskCalls: Readonly<Record<string, (place: TaskPlace) => TaskCall>> = {
  Encrypt: ({ keyId }) => kms('encrypt', { keyId, plaintext: 'aGk=' }),
  Decrypt: ({ keyId, ciphertext }) => kms('decrypt', { keyId, ciphertext }),
  GenerateDataEncryptionKey: ({ keyId }) =>
    kms('generateDataEncryptionKey', { keyId, includePlaintextKey: true, keyShape: aes }),
  Sign: ({ signingKeyId: keyId }) => kms('sign', { keyId, ...signing }),
  Verify: ({ signingKeyId: keyId, keyVersionId, signature }) =>
    kms('verify', { keyId, keyVersionId, signature, ...signing }),
  ExportKey: ({ keyId }) => kms('exportKey', { keyId, algorithm: 'RSA_OAEP_SHA256', publicKey: newPublicKey() }),
  ListKeys: ({ compartmentId }) => kms(`keys?compartmentId=${compartmentId}`),
  GetKey: ({ keyId }) => kms(`keys/${keyId}`),
  CreateKey: ({ compartmentId }) => kms('keys', { compartmentId, displayName: 'k', keyShape: aes }),
  // The other key: what comes after needs the first as it is.
  DisableKey: ({ signingKeyId }) => kms(`keys/${signingKeyId}/actions/disable`, {}),
  CreateKeyVersion: ({ keyId }) => kms(`keys/${keyId}/keyVersions`, {}),
  ScheduleKeyDeletion: ({ keyId }) => kms(`keys/${keyId}/actions/scheduleDeletion`, {}),
  BackupKey: ({ signingKeyId }) => kms(`keys/${signingKeyId}/actions/backup`, { backupLocation }),
  GetVault: ({ vaultId }) => get(`/20180608/vaults/${vaultId}`),
  ListVaults: ({ compartmentId }) => get(`/20180608/vaults?compartmentId=${compartmentId}`),
  CreateVault: ({ compartmentId }) =>
    post('/20180608/vaults', { compartmentId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' }),
  ScheduleVaultDeletion: ({ vaultId }) => post(`/20180608/vaults/${vaultId}/actions/scheduleDeletion`),
  BackupVault: ({ vaultId }) =>
    post(`/20180608/vaults/${vaultId}/actions/backup`, { backupLocation: { ...backupLocation, objectName: 'v' } }),
  ListVaultReplicas: ({ vaultId }) => get(`/20180608/vaults/${vaultId}/actions/listReplicas`),
  CreateVaultReplica: ({ vaultId }) =>
    post(`/20180608/vaults/${vaultId}/actions/createReplica`, { replicaRegion: regionB }),
  ListEvents: ({ tenancyId, day }) =>
    get(`/20190901/auditEvents?compartmentId=${tenancyId}&startTime=${day}T00:00:00Z&endTime=${day}T23:59:59Z`),
  ListPolicies: ({ tenancyId }) => get(`/20160918/policies?compartmentId=${tenancyId}`),
  CreatePolicy: ({ tenancyId: compartmentId }) => {
    const statements = ['Allow group Administrators to read keys in tenancy']
    return post('/20160918/policies', { compartmentId, name: 'more', description: 'd', statements })
  },
  ListUsers: ({ tenancyId }) => get(`/20160918/users?compartmentId=${tenancyId}`),
  ListGroups: ({ tenancyId }) => get(`/20160918/groups?compartmentId=${tenancyId}`),
  CreateUser: ({ tenancyId: compartmentId }) =>
    post('/20160918/users', { compartmentId, name: 'another', description: 'd' }),
  UploadApiKey: ({ userId }) => post(`/20160918/users/${userId}/apiKeys`, { key: newPublicKey() }),
  AddUserToGroup: ({ userId, groupId }) => post('/20160918/userGroupMemberships', { userId, groupId }),
}
