import { rawPublicForms } from './publicForms.ts'
import {
  allowReplication,
  base64,
  expectRefusal,
  makeKey,
  makeVault,
  ociCloud,
  replicate,
  type OciCloud,
} from './ociCloud.ts'
import { allow, join, makeGroup, makeUser, newKeyPair, signingAs, type ServiceUser } from './serviceUser.ts'

/** Users, their groups and keys over the wire, in two regions. */

let oci: OciCloud
beforeAll(async () => {
  // As long as it takes: how fast this machine is decides nothing here.
  oci = await ociCloud({}, { isScheduled: false })
})
afterAll(() => oci.close())

const refused = (call: () => Promise<unknown>, statusCode: number, serviceCode: string) =>
  expectRefusal(oci, call, statusCode, serviceCode)
const answered = (call: Promise<unknown>): Promise<number> =>
  call.then(
    () => 200,
    (cause: unknown) => (cause as { statusCode: number }).statusCode,
  )

const pair = newKeyPair()

describe('with a key in both regions', () => {
  let ends: readonly string[]
  let keyId: string
  beforeAll(async () => {
    await allowReplication(oci)
    const vault = await makeVault(oci)
    const replica = await replicate(oci, vault.id)
    keyId = (await makeKey(oci, vault)).id
    ends = [vault.cryptoEndpoint, replica.crypto]
  })

  const encrypts = (user: ServiceUser) =>
    Promise.all(
      ends.map((end) =>
        answered(user.crypto(end).encrypt({ encryptDataDetails: { keyId, plaintext: base64('hello') } })),
      ),
    )

  test('a user may do what a group of theirs may, from the next call on and in both regions, until they leave it', async () => {
    const groupId = await makeGroup(oci, 'encrypters')
    await allow(oci, 'encrypters', 'Allow group Encrypters to use keys in tenancy')
    for (let round = 0; round < 5; round += 1) {
      const user = await makeUser(oci, `service-${round}`)
      expect(await encrypts(user)).toEqual([404, 404])
      const membership = await join(oci, user.userId, groupId)
      expect(await encrypts(user)).toEqual([200, 200])
      await oci.identity().removeUserFromGroup({ userGroupMembershipId: membership })
      expect(await encrypts(user)).toEqual([404, 404])
    }
  })

  test('a key that was deleted signs nothing any more, and neither does a deleted user, in both regions', async () => {
    const groupId = await makeGroup(oci, 'others')
    await allow(oci, 'others', 'Allow group others to use keys in tenancy')
    for (let round = 0; round < 5; round += 1) {
      const user = await makeUser(oci, `gone-${round}`)
      const { userId } = user
      const membership = await join(oci, userId, groupId)
      await oci.identity().uploadApiKey({ userId, createApiKeyDetails: { key: pair.publicPem } })
      const second = signingAs(oci, userId, pair)
      expect([await encrypts(user), await encrypts(second)]).toEqual([
        [200, 200],
        [200, 200],
      ])
      await oci.identity().deleteApiKey({ userId, fingerprint: user.fingerprint })
      expect([await encrypts(user), await encrypts(second)]).toEqual([
        [401, 401],
        [200, 200],
      ])
      await oci.identity().removeUserFromGroup({ userGroupMembershipId: membership })
      await oci.identity().deleteUser({ userId })
      expect(await encrypts(second)).toEqual([401, 401])
    }
  })
})

describe('a user', () => {
  test('may look at themselves and change their own keys without any policy, and nobody else’s', async () => {
    const [own, other] = [await makeUser(oci, 'own'), await makeUser(oci, 'other')]
    const { userId } = own
    const identity = own.identity(oci.home)
    expect((await identity.getUser({ userId })).user).toMatchObject({ id: userId, name: 'own' })
    const { publicPem, fingerprint } = newKeyPair()
    const createApiKeyDetails = { key: publicPem }
    expect((await identity.uploadApiKey({ userId, createApiKeyDetails })).apiKey).toMatchObject({
      keyId: `${oci.tenancyId}/${userId}/${fingerprint}`,
      fingerprint,
      keyValue: publicPem,
    })
    expect((await identity.listApiKeys({ userId })).items).toHaveLength(2)
    await identity.deleteApiKey({ userId, fingerprint })
    for (const call of [
      () => identity.getUser({ userId: other.userId }),
      () => identity.listApiKeys({ userId: other.userId }),
      () => identity.uploadApiKey({ userId: other.userId, createApiKeyDetails }),
      () => identity.updateUser({ userId, updateUserDetails: { description: 'e' } }),
      () => identity.deleteUser({ userId }),
    ])
      await refused(call, 404, 'NotAuthorizedOrNotFound')
  })

  test('has a name that no other has, whatever its case, and that is free once they are gone', async () => {
    const make = (name: string) => makeUser(oci, name)
    const { userId } = await make('Alice@example.com')
    await refused(() => make('alice@EXAMPLE.com'), 409, 'NotAuthorizedOrResourceAlreadyExists')
    await oci.identity().deleteUser({ userId })
    expect((await make('alice@example.com')).userId).not.toBe(userId)
    for (const name of ['', 'with blank', 'a/b', 'x'.repeat(101), 'line\nbreak'])
      await refused(() => make(name), 400, 'InvalidParameter')
  })

  test('is made once for one retry token', async () => {
    const createUserDetails = { compartmentId: oci.tenancyId, name: 'once', description: 'd' }
    const make = () => oci.identity().createUser({ createUserDetails, opcRetryToken: 'once' })
    const [first, second] = [await make(), await make()]
    expect(second.user).toEqual(first.user)
  })

  test('in a group is not deleted, and says so', async () => {
    const { userId } = await makeUser(oci, 'member')
    const membership = await join(oci, userId, await makeGroup(oci, 'holding'))
    await refused(() => oci.identity().deleteUser({ userId }), 409, 'Conflict')
    await expect(oci.identity().deleteUser({ userId })).rejects.toThrow(/member is in a group; remove them/)
    await oci.identity().removeUserFromGroup({ userGroupMembershipId: membership })
    await oci.identity().deleteUser({ userId })
    await refused(() => oci.identity().getUser({ userId }), 404, 'NotAuthorizedOrNotFound')
  })

  test('lives in the tenancy, not in a compartment of it', async () => {
    const details = { compartmentId: oci.tenancyId, name: 'sub', description: 'd' }
    const { compartment } = await oci.identity().createCompartment({ createCompartmentDetails: details })
    const createUserDetails = { ...details, compartmentId: compartment.id }
    await refused(() => oci.identity().createUser({ createUserDetails }), 400, 'InvalidParameter')
    await refused(() => oci.identity().listUsers({ compartmentId: compartment.id }), 400, 'InvalidParameter')
  })

  test('arrives in the other region as they are, and changes there with them', async () => {
    const createUserDetails = {
      compartmentId: oci.tenancyId,
      name: 'traveller',
      description: 'd',
      email: 'a@b.example',
      freeformTags: { team: 'red' },
    }
    const { user, etag } = await oci.identity().createUser({ createUserDetails })
    const there = () => oci.identity(oci.other).getUser({ userId: user.id })
    expect((await there()).user).toEqual(user)
    const updateUserDetails = { description: 'e' }
    await oci.identity().updateUser({ userId: user.id, updateUserDetails, ifMatch: etag })
    expect((await there()).user).toEqual({ ...user, description: 'e' })
  })

  test('is found by name and in pages', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await makeUser(oci, name)
    const compartmentId = oci.tenancyId
    const { items } = await oci.identity().listUsers({ compartmentId, name: 'page-2' })
    expect(items.map(({ name }) => name)).toEqual(['page-2'])
    const names: string[] = []
    for await (const { name } of oci.identity().listAllUsers({ compartmentId, limit: 1 })) names.push(name)
    expect(names).toEqual(expect.arrayContaining(['page-1', 'page-2', 'page-3', 'administrator']))
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('an API key', () => {
  test('is one of at most three, and the same one only once', async () => {
    const { userId } = await makeUser(oci, 'three')
    const upload = (key: string) => oci.identity().uploadApiKey({ userId, createApiKeyDetails: { key } })
    const { publicPem } = newKeyPair()
    await upload(publicPem)
    await refused(() => upload(`\n ${publicPem}`), 409, 'NotAuthorizedOrResourceAlreadyExists')
    await upload(newKeyPair().publicPem)
    await refused(() => upload(newKeyPair().publicPem), 400, 'LimitExceeded')
  })

  test.each(rawPublicForms)('that is %s is refused, and the sentence says so', async (_, key, sentence) => {
    const call = () =>
      oci.identity().uploadApiKey({ userId: oci.cloud.administrator.userId, createApiKeyDetails: { key } })
    await refused(call, 400, 'InvalidParameter')
    await expect(call()).rejects.toThrow(sentence)
  })
})
