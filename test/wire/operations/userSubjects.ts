import { newApiKey, newPublicKey, newUser } from './people.ts'
import { named, type Stage, type Target } from './stage.ts'
import { listed, somePem, someText, type Subject } from './subject.ts'

/** Users and their API keys. */
export const userSubjects = {
  ListUsers: {
    call: (who, { region, compartmentId }) => who.identity(region).listUsers({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE' }) },
    about: 'compartment',
  },
  CreateUser: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createUserDetails = { compartmentId, name, description: 'd', email: 'a@example.com' }
      return who.identity(region).createUser({ createUserDetails, ...conditions })
    },
    fresh: named,
    answers: { user: { lifecycleState: 'ACTIVE', email: 'a@example.com', isMfaActivated: false }, etag: someText },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      email: 'a@example.com',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description'],
    homeRegionOnly: true,
  },
  GetUser: {
    call: (who, { region, userId }) => who.identity(region).getUser({ userId }),
    answers: { user: { lifecycleState: 'ACTIVE', capabilities: { canUseApiKeys: true } }, etag: someText },
    about: 'user',
  },
  UpdateUser: {
    call: (who, { region, userId }, conditions) => {
      const updateUserDetails = { description: 'other' }
      return who.identity(region).updateUser({ userId, updateUserDetails, ...conditions })
    },
    fresh: freshUser,
    answers: { user: { description: 'other' }, etag: someText },
    about: 'user',
    takes: ['if-match'],
    body: () => ({ description: 'other', email: 'a@example.com', freeformTags: {}, definedTags: {} }),
    homeRegionOnly: true,
  },
  DeleteUser: {
    call: (who, { region, userId }, conditions) => who.identity(region).deleteUser({ userId, ...conditions }),
    fresh: freshUser,
    answers: {},
    about: 'user',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  ListApiKeys: {
    call: (who, { region, userId }) => who.identity(region).listApiKeys({ userId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE', keyValue: somePem }) },
    about: 'user',
  },
  UploadApiKey: {
    call: (who, { region, userId }, conditions) => {
      const createApiKeyDetails = { key: newPublicKey() }
      return who.identity(region).uploadApiKey({ userId, createApiKeyDetails, ...conditions })
    },
    fresh: freshUser,
    answers: { apiKey: { lifecycleState: 'ACTIVE', keyValue: somePem }, etag: someText },
    about: 'user',
    takes: ['opc-retry-token'],
    body: () => ({ key: '' }),
    required: ['key'],
    homeRegionOnly: true,
  },
  DeleteApiKey: {
    call: (who, { region, userId, fingerprint }, conditions) =>
      who.identity(region).deleteApiKey({ userId, fingerprint, ...conditions }),
    fresh: async (stage) => ({ ...stage.ready, ...(await newApiKey(stage.oci, stage.ready.userId)) }),
    answers: {},
    about: 'user',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
} as const satisfies Record<string, Subject>

async function freshUser({ oci, ready }: Stage): Promise<Target> {
  return { ...ready, ...(await newUser(oci)) }
}
