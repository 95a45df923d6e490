import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { SimpleAuthenticationDetailsProvider } from 'oci-common'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient } from 'oci-keymanagement'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import type { OciCloud } from './ociCloud.ts'

/** A user made over the wire, with an API key and the official clients that sign with it. */
export interface ServiceUser {
  readonly userId: string
  readonly fingerprint: string
  identity(endpoint: string): IdentityClient
  vaults(endpoint: string): KmsVaultClient
  keys(endpoint: string): KmsManagementClient
  crypto(endpoint: string): KmsCryptoClient
}

export interface KeyPair {
  readonly privatePem: string
  readonly publicPem: string
  readonly fingerprint: string
}

export function newKeyPair(modulusLength = 2048): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    fingerprint: fingerprint(createPublicKey(privateKey)),
  }
}

/** Who signs is told by the user's OCID: that they share a key is nobody's matter. */
const shared = newKeyPair()

export async function makeUser(oci: OciCloud, name: string): Promise<ServiceUser> {
  const identity = oci.identity()
  const createUserDetails = { compartmentId: oci.tenancyId, name, description: 'd' }
  const userId = (await identity.createUser({ createUserDetails })).user.id
  await identity.uploadApiKey({ userId, createApiKeyDetails: { key: shared.publicPem } })
  return signingAs(oci, userId, shared)
}

/** Whether or not the service knows this key of the user's. */
export function signingAs({ tenancyId }: OciCloud, userId: string, pair: KeyPair): ServiceUser {
  const { fingerprint: print, privatePem } = pair
  const provider = new SimpleAuthenticationDetailsProvider(tenancyId, userId, print, privatePem, null)
  const auth = { authenticationDetailsProvider: provider }
  const at = <C extends { endpoint: string }>(client: C, endpoint: string): C => {
    client.endpoint = endpoint
    return client
  }
  return {
    userId,
    fingerprint: print,
    identity: (endpoint) => at(new IdentityClient(auth), endpoint),
    vaults: (endpoint) => at(new KmsVaultClient(auth), endpoint),
    keys: (endpoint) => at(new KmsManagementClient(auth), endpoint),
    crypto: (endpoint) => at(new KmsCryptoClient(auth), endpoint),
  }
}

export async function makeGroup(oci: OciCloud, name: string): Promise<string> {
  const createGroupDetails = { compartmentId: oci.tenancyId, name, description: 'd' }
  return (await oci.identity().createGroup({ createGroupDetails })).group.id
}

/** Resolves with the membership's OCID. */
export async function join(oci: OciCloud, userId: string, groupId: string): Promise<string> {
  const addUserToGroupDetails = { userId, groupId }
  return (await oci.identity().addUserToGroup({ addUserToGroupDetails })).userGroupMembership.id
}

export async function allow(oci: OciCloud, name: string, ...statements: string[]): Promise<string> {
  const createPolicyDetails = { compartmentId: oci.tenancyId, name, description: 'd', statements }
  return (await oci.identity().createPolicy({ createPolicyDetails })).policy.id
}
