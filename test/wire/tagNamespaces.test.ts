import { expectRefusal, ociCloud, rowsWrittenBy, type OciCloud } from './ociCloud.ts'
import { allow, join, makeGroup, makeUser } from './serviceUser.ts'

/** Tag namespaces: what names the keys of defined tags. */

let oci: OciCloud
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
})
afterAll(() => oci.close())

const refused = (call: () => Promise<unknown>, statusCode: number, serviceCode: string) =>
  expectRefusal(oci, call, statusCode, serviceCode)

async function make(name: string, compartmentId = oci.tenancyId): Promise<string> {
  const createTagNamespaceDetails = { compartmentId, name, description: 'd' }
  return (await oci.identity().createTagNamespace({ createTagNamespaceDetails })).tagNamespace.id
}

const retire = (tagNamespaceId: string, isRetired = true) =>
  oci.identity().updateTagNamespace({ tagNamespaceId, updateTagNamespaceDetails: { isRetired } })

async function makeCompartment(name: string, compartmentId = oci.tenancyId): Promise<string> {
  const createCompartmentDetails = { compartmentId, name, description: 'd' }
  return (await oci.identity().createCompartment({ createCompartmentDetails })).compartment.id
}

test('a tag namespace is read in both regions as it was made, retired, and taken into use again', async () => {
  const id = await make('Operations')
  const asIs = { id, name: 'Operations', compartmentId: oci.tenancyId, freeformTags: {}, definedTags: {} }
  for (const region of [oci.home, oci.other]) {
    const { tagNamespace } = await oci.identity(region).getTagNamespace({ tagNamespaceId: id })
    expect(tagNamespace).toMatchObject({ ...asIs, isRetired: false, lifecycleState: 'ACTIVE' })
  }
  expect((await retire(id)).tagNamespace).toMatchObject({ ...asIs, isRetired: true, lifecycleState: 'INACTIVE' })
  const { tagNamespace } = await oci.identity(oci.other).getTagNamespace({ tagNamespaceId: id })
  expect(tagNamespace).toMatchObject({ isRetired: true })
  expect((await retire(id, false)).tagNamespace).toMatchObject({ isRetired: false, lifecycleState: 'ACTIVE' })
})

test('its name is one of the tenancy, whatever the case, also while it is retired', async () => {
  const id = await make('Finance')
  for (const state of [false, true]) {
    await retire(id, state)
    await refused(() => make('FINANCE'), 409, 'NotAuthorizedOrResourceAlreadyExists')
  }
  for (const name of ['a.b', 'a b', '', 'ä', 'a'.repeat(101)]) await refused(() => make(name), 400, 'InvalidParameter')
  const reserved = ['oracle-tags', 'Oracle-Standard', 'ORACLE', 'orcl-cloud', '__proto__', 'prototype', 'constructor']
  for (const name of reserved) await refused(() => make(name), 400, 'InvalidParameter')
  await oci.identity().deleteTagNamespace({ tagNamespaceId: id })
  await refused(() => oci.identity().getTagNamespace({ tagNamespaceId: id }), 404, 'NotAuthorizedOrNotFound')
  await make('FINANCE')
})

test('a list shows those of a compartment, or also those below it, by their state', async () => {
  const outer = await makeCompartment('outer')
  const inner = await makeCompartment('inner', outer)
  const [a, b, c] = [await make('list-a', outer), await make('list-b', inner), await make('list-c', inner)]
  await retire(c)
  const list = async (more: object) =>
    (await oci.identity().listTagNamespaces({ compartmentId: outer, ...more })).items.map(({ id }) => id).sort()
  expect(await list({})).toEqual([a])
  expect(await list({ includeSubcompartments: true })).toEqual([a, b, c].sort())
  expect(await list({ includeSubcompartments: true, lifecycleState: 'INACTIVE' })).toEqual([c])
  expect(await list({ includeSubcompartments: false, lifecycleState: 'INACTIVE' })).toEqual([])
})

test('it is moved to where the caller may move it, and not to a compartment that is gone', async () => {
  const to = await makeCompartment('moved-to')
  const tagNamespaceId = await make('moved')
  const move = (compartmentId: string) =>
    oci
      .identity()
      .changeTagNamespaceCompartment({ tagNamespaceId, changeTagNamespaceCompartmentDetail: { compartmentId } })
  await move(to)
  expect((await oci.identity(oci.other).getTagNamespace({ tagNamespaceId })).tagNamespace.compartmentId).toBe(to)
  const gone = await makeCompartment('gone')
  await oci.identity().deleteCompartment({ compartmentId: gone })
  await oci.cloud.idle()
  await refused(() => move(gone), 409, 'Conflict')
})

test('one in use is not deleted with its keys; a retired one is, with a work request that says so', async () => {
  const tagNamespaceId = await make('cascade')
  const remove = () => oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId })
  await refused(remove, 409, 'Conflict')
  await retire(tagNamespaceId)
  const { opcWorkRequestId: workRequestId } = await remove()
  const { taggingWorkRequest } = await oci.identity().getTaggingWorkRequest({ workRequestId })
  expect(taggingWorkRequest).toMatchObject({
    id: workRequestId,
    operationType: 'DELETE_NON_EMPTY_TAG_NAMESPACE',
    status: 'SUCCEEDED',
    percentComplete: 100,
    resources: [{ identifier: tagNamespaceId, actionType: 'DELETED' }],
  })
  await refused(remove, 404, 'NotAuthorizedOrNotFound')
})

test('a work request about a compartment is none about tags', async () => {
  const compartmentId = await makeCompartment('no-tag')
  const { opcWorkRequestId: workRequestId } = await oci.identity().deleteCompartment({ compartmentId })
  await refused(() => oci.identity().getTaggingWorkRequest({ workRequestId }), 404, 'NotAuthorizedOrNotFound')
})

test('who keeps one namespace sees and changes that one alone', async () => {
  const [own, other] = [await make('kept'), await make('not-kept')]
  const groupId = await makeGroup(oci, 'tag-keepers')
  await allow(
    oci,
    'tag-keepers',
    "Allow group tag-keepers to manage tag-namespaces in tenancy where target.tag-namespace.name = 'Kept'",
  )
  const keeper = await makeUser(oci, 'tag-keeper')
  await join(oci, keeper.userId, groupId)
  const identity = keeper.identity(oci.home)
  await identity.updateTagNamespace({ tagNamespaceId: own, updateTagNamespaceDetails: { description: 'mine' } })
  await refused(() => identity.getTagNamespace({ tagNamespaceId: other }), 404, 'NotAuthorizedOrNotFound')
})

test('a change of nothing but the description writes one entry of identity', async () => {
  const tagNamespaceId = await make('one-entry')
  const written = await rowsWrittenBy(oci, () =>
    oci.identity().updateTagNamespace({ tagNamespaceId, updateTagNamespaceDetails: { description: 'e' } }),
  )
  expect(written.filter((row) => row.includes(`Identity tagNamespace#${tagNamespaceId}`))).toHaveLength(2)
})
