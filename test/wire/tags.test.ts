import { models } from 'oci-identity'
import { expectRefusal, ociCloud, type OciCloud } from './ociCloud.ts'
import { allow, join, makeGroup, makeUser } from './serviceUser.ts'

/** The keys of tag namespaces, and the defaults that compartments have of them. */

let oci: OciCloud
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
})
afterAll(() => oci.close())

const refused = (call: () => Promise<unknown>, statusCode: number, serviceCode: string) =>
  expectRefusal(oci, call, statusCode, serviceCode)

async function makeNamespace(name: string): Promise<string> {
  const createTagNamespaceDetails = { compartmentId: oci.tenancyId, name, description: 'd' }
  return (await oci.identity().createTagNamespace({ createTagNamespaceDetails })).tagNamespace.id
}

async function makeTag(tagNamespaceId: string, name: string, more: object = {}): Promise<models.Tag> {
  const createTagDetails = { name, description: 'd', ...more }
  return (await oci.identity().createTag({ tagNamespaceId, createTagDetails })).tag
}

async function makeCompartment(name: string, compartmentId = oci.tenancyId): Promise<string> {
  const createCompartmentDetails = { compartmentId, name, description: 'd' }
  return (await oci.identity().createCompartment({ createCompartmentDetails })).compartment.id
}

const update = (tagNamespaceId: string, tagName: string, updateTagDetails: models.UpdateTagDetails) =>
  oci.identity().updateTag({ tagNamespaceId, tagName, updateTagDetails })
const retireNamespace = (tagNamespaceId: string, isRetired: boolean) =>
  oci.identity().updateTagNamespace({ tagNamespaceId, updateTagNamespaceDetails: { isRetired } })
const remove = (tagNamespaceId: string, tagName: string) => oci.identity().deleteTag({ tagNamespaceId, tagName })

describe('a tag key', () => {
  test('is found by its name, whatever the case, in both regions', async () => {
    const tagNamespaceId = await makeNamespace('found')
    const { id } = await makeTag(tagNamespaceId, 'Cost/Center', { isCostTracking: true })
    for (const region of [oci.home, oci.other]) {
      const { tag } = await oci.identity(region).getTag({ tagNamespaceId, tagName: 'cost/center' })
      const facts = { id, name: 'Cost/Center', tagNamespaceName: 'found', isCostTracking: true, isRetired: false }
      expect(tag).toMatchObject({ ...facts, tagNamespaceId, compartmentId: oci.tenancyId })
      expect(tag.validator ?? null).toBeNull()
    }
    await refused(() => makeTag(tagNamespaceId, 'COST/CENTER'), 409, 'NotAuthorizedOrResourceAlreadyExists')
    for (const name of ['__proto__', 'prototype', 'constructor'])
      await refused(() => makeTag(tagNamespaceId, name), 400, 'InvalidParameter')
    await makeTag(await makeNamespace('found-2'), 'COST/CENTER')
    expect((await oci.identity().listTags({ tagNamespaceId })).items).toMatchObject([{ id }])
  })

  test('takes a list of values, and with DEFAULT any', async () => {
    const tagNamespaceId = await makeNamespace('listed')
    const list = (...values: string[]) => ({ validatorType: 'ENUM', values })
    expect(await makeTag(tagNamespaceId, 'size', { validator: list('s', 'm') })).toMatchObject({
      validator: list('s', 'm'),
    })
    for (const validator of [list(), list('a', 'a'), list(''), { validatorType: 'ENUM' }, { validatorType: 'X' }])
      await expect(makeTag(tagNamespaceId, 'bad', { validator })).rejects.toMatchObject({ statusCode: 400 })
    expect((await update(tagNamespaceId, 'size', { description: 'e' })).tag).toMatchObject({
      validator: list('s', 'm'),
    })
    const { tag } = await update(tagNamespaceId, 'size', { validator: { validatorType: 'DEFAULT' } })
    expect(tag.validator ?? null).toBeNull()
  })

  test('is retired with its namespace, and taken into use for itself', async () => {
    const tagNamespaceId = await makeNamespace('both')
    await makeTag(tagNamespaceId, 'a')
    await makeTag(tagNamespaceId, 'b')
    await retireNamespace(tagNamespaceId, true)
    const states = async () => (await oci.identity().listTags({ tagNamespaceId })).items.map((tag) => tag.isRetired)
    expect(await states()).toEqual([true, true])
    await refused(() => makeTag(tagNamespaceId, 'c'), 409, 'Conflict')
    await refused(() => update(tagNamespaceId, 'a', { isRetired: false }), 409, 'Conflict')
    await retireNamespace(tagNamespaceId, false)
    expect(await states()).toEqual([true, true])
    expect((await update(tagNamespaceId, 'a', { isRetired: false })).tag).toMatchObject({ lifecycleState: 'ACTIVE' })
    expect((await update(tagNamespaceId, 'b', { description: 'e' })).tag).toMatchObject({ lifecycleState: 'INACTIVE' })
    const { items } = await oci
      .identity()
      .listTags({ tagNamespaceId, lifecycleState: models.Tag.LifecycleState.Active })
    expect(items).toMatchObject([{ name: 'a' }])
  })

  test('is deleted once it is retired, with a work request that says so', async () => {
    const tagNamespaceId = await makeNamespace('deleted')
    const { id } = await makeTag(tagNamespaceId, 'k')
    await refused(() => remove(tagNamespaceId, 'k'), 409, 'Conflict')
    await refused(() => oci.identity().deleteTagNamespace({ tagNamespaceId }), 409, 'Conflict')
    await update(tagNamespaceId, 'k', { isRetired: true })
    const { opcWorkRequestId: workRequestId } = await remove(tagNamespaceId, 'K')
    const { taggingWorkRequest } = await oci.identity().getTaggingWorkRequest({ workRequestId })
    expect(taggingWorkRequest).toMatchObject({
      operationType: 'DELETE_TAG_DEFINITION',
      status: 'SUCCEEDED',
      resources: [{ identifier: id }],
    })
    await refused(() => oci.identity().getTag({ tagNamespaceId, tagName: 'k' }), 404, 'NotAuthorizedOrNotFound')
    expect((await makeTag(tagNamespaceId, 'k')).id).not.toBe(id)
  })

  test('goes with its namespace', async () => {
    const tagNamespaceId = await makeNamespace('with-it')
    await makeTag(tagNamespaceId, 'a')
    await makeTag(tagNamespaceId, 'b')
    await retireNamespace(tagNamespaceId, true)
    await oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId })
    const again = await makeNamespace('with-it')
    expect((await oci.identity().listTags({ tagNamespaceId: again })).items).toEqual([])
  })

  test('stops at 90 a namespace, and all of them go at once', async () => {
    const tagNamespaceId = await makeNamespace('full')
    for (let n = 0; n < 90; n += 1) await makeTag(tagNamespaceId, `k${n}`)
    await refused(() => makeTag(tagNamespaceId, 'one-more'), 400, 'LimitExceeded')
    await retireNamespace(tagNamespaceId, true)
    await oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId })
  })
})

describe('a tag default', () => {
  let made = 0
  const make = async (compartmentId: string, tagDefinitionId: string, value: string, isRequired = false) => {
    const createTagDefaultDetails = { compartmentId, tagDefinitionId, value, isRequired }
    return (await oci.identity().createTagDefault({ createTagDefaultDetails })).tagDefault
  }

  test('is made, changed, listed and deleted, in both regions', async () => {
    const tag = await makeTag(await makeNamespace('defaults'), 'k')
    const compartmentId = await makeCompartment('defaults')
    const { id: tagDefaultId } = await make(compartmentId, tag.id, 'v')
    await refused(() => make(compartmentId, tag.id, 'w'), 409, 'NotAuthorizedOrResourceAlreadyExists')
    const updateTagDefaultDetails = { value: 'w', isRequired: true }
    await oci.identity().updateTagDefault({ tagDefaultId, updateTagDefaultDetails })
    const facts = { compartmentId, tagDefinitionId: tag.id, tagDefinitionName: 'k', tagNamespaceId: tag.tagNamespaceId }
    for (const region of [oci.home, oci.other]) {
      const identity = oci.identity(region)
      const expected = { ...facts, id: tagDefaultId, value: 'w', isRequired: true, lifecycleState: 'ACTIVE' }
      expect((await identity.getTagDefault({ tagDefaultId })).tagDefault).toMatchObject(expected)
      for (const query of [{ compartmentId }, { tagDefinitionId: tag.id }, { id: tagDefaultId }])
        expect((await identity.listTagDefaults(query)).items).toMatchObject([expected])
    }
    await refused(() => oci.identity().listTagDefaults({}), 400, 'MissingParameter')
    await oci.identity().deleteTagDefault({ tagDefaultId })
    expect((await oci.identity().listTagDefaults({ compartmentId })).items).toEqual([])
  })

  test.each(['', '${bad}', '${iam.principal.name', 'a-${IAM.principal.name}-b', '${oci.datetime}${}'])(
    'that would set %j is refused, when it is made and when it is changed',
    async (value) => {
      const tag = await makeTag(await makeNamespace('values'), 'k')
      const compartmentId = await makeCompartment(`values-${String(made)}`)
      made += 1
      await refused(() => make(compartmentId, tag.id, value), 400, 'InvalidParameter')
      const { id: tagDefaultId } = await make(compartmentId, tag.id, value, true)
      const change = (updateTagDefaultDetails: models.UpdateTagDefaultDetails) =>
        oci.identity().updateTagDefault({ tagDefaultId, updateTagDefaultDetails })
      await refused(() => change({ value, isRequired: false }), 400, 'InvalidParameter')
      await change({ value: '${iam.principal.name}/${oci.datetime} $5 {x}', isRequired: false })
      await oci.identity().deleteTagDefault({ tagDefaultId })
      await retireNamespace(tag.tagNamespaceId, true)
      await oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId: tag.tagNamespaceId })
    },
  )

  test('takes a value of the key’s list, and keeps the list and the key', async () => {
    const tagNamespaceId = await makeNamespace('kept-by-default')
    const validator = { validatorType: 'ENUM', values: ['a', 'b'] }
    const tag = await makeTag(tagNamespaceId, 'k', { validator })
    const compartmentId = await makeCompartment('kept-by-default')
    await refused(() => make(compartmentId, tag.id, 'c'), 400, 'InvalidParameter')
    const { id: tagDefaultId } = await make(compartmentId, tag.id, 'a')
    const shrink = () => update(tagNamespaceId, 'k', { validator: { ...validator, values: ['b'] } })
    await refused(shrink, 409, 'Conflict')
    await retireNamespace(tagNamespaceId, true)
    await refused(() => remove(tagNamespaceId, 'k'), 409, 'Conflict')
    await refused(() => oci.identity().cascadeDeleteTagNamespace({ tagNamespaceId }), 409, 'Conflict')
    await oci.identity().deleteTagDefault({ tagDefaultId })
    await refused(() => make(compartmentId, tag.id, 'a'), 409, 'Conflict')
    await shrink()
    await remove(tagNamespaceId, 'k')
  })

  test('stands for compartments below; the nearest of a key counts', async () => {
    const tagNamespaceId = await makeNamespace('effective')
    const [a, b] = [await makeTag(tagNamespaceId, 'a'), await makeTag(tagNamespaceId, 'b')]
    const outer = await makeCompartment('effective')
    const inner = await makeCompartment('effective', outer)
    await make(outer, a.id, 'outer-a')
    await make(outer, b.id, 'outer-b')
    await make(inner, a.id, 'inner-a')
    const { items } = await oci.identity().assembleEffectiveTagSet({ compartmentId: inner })
    expect(items.map(({ value }) => value)).toEqual(['inner-a', 'outer-b'])
  })

  test('there are five a compartment', async () => {
    const tagNamespaceId = await makeNamespace('five')
    const compartmentId = await makeCompartment('five')
    for (let n = 0; n < 5; n += 1) await make(compartmentId, (await makeTag(tagNamespaceId, `k${n}`)).id, 'v')
    const { id } = await makeTag(tagNamespaceId, 'k5')
    await refused(() => make(compartmentId, id, 'v'), 400, 'LimitExceeded')
  })

  test('is made by who may do so there and may use the key’s namespace', async () => {
    const compartmentId = await makeCompartment('rights')
    const groupId = await makeGroup(oci, 'defaulters')
    const user = await makeUser(oci, 'defaulter')
    await join(oci, user.userId, groupId)
    const { id } = await makeTag(await makeNamespace('rights'), 'k')
    const createTagDefaultDetails = { compartmentId, tagDefinitionId: id, value: 'v' }
    const call = () => user.identity(oci.home).createTagDefault({ createTagDefaultDetails })
    await refused(call, 404, 'NotAuthorizedOrNotFound')
    await allow(oci, 'defaulters-1', 'Allow group defaulters to manage tag-defaults in compartment rights')
    await refused(call, 404, 'NotAuthorizedOrNotFound')
    await allow(oci, 'defaulters-2', 'Allow group defaulters to use tag-namespaces in tenancy')
    expect((await call()).tagDefault).toMatchObject({ value: 'v' })
  })
})
