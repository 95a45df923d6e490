import { requests, type models } from 'oci-identity'
import { expectRefusal, makeKey, makeVault, ociCloud, rowsWrittenBy, type OciCloud } from './ociCloud.ts'

let oci: OciCloud
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
})
afterAll(() => oci.close())

const refused = (call: () => Promise<unknown>, statusCode: number, serviceCode: string) =>
  expectRefusal(oci, call, statusCode, serviceCode)

function make(
  name: string,
  compartmentId = oci.tenancyId,
  more: Partial<models.CreateCompartmentDetails> = {},
  opcRetryToken?: string,
) {
  const createCompartmentDetails = { compartmentId, name, description: 'd', ...more }
  const token = opcRetryToken === undefined ? {} : { opcRetryToken }
  return oci.identity().createCompartment({ createCompartmentDetails, ...token })
}

async function makeId(name: string, parent?: string): Promise<string> {
  return (await make(name, parent)).compartment.id
}

const update = (compartmentId: string, updateCompartmentDetails: models.UpdateCompartmentDetails, ifMatch?: string) =>
  oci.identity().updateCompartment({
    compartmentId,
    updateCompartmentDetails,
    ...(ifMatch === undefined ? {} : { ifMatch }),
  })

const remove = (compartmentId: string, ifMatch?: string) =>
  oci.identity().deleteCompartment({ compartmentId, ...(ifMatch === undefined ? {} : { ifMatch }) })

async function removed(compartmentId: string): Promise<string> {
  await remove(compartmentId)
  await oci.cloud.idle()
  return compartmentId
}

async function names(request: Partial<requests.ListCompartmentsRequest>): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { name } of oci.identity().listAllCompartments({ compartmentId: oci.tenancyId, ...request })) {
    found.push(name)
  }
  return found
}

/** The sixth level below the tenancy. */
async function deepest(): Promise<string> {
  let id = oci.tenancyId
  for (let level = 1; level <= 6; level += 1) id = await makeId(`level ${level} ${id.slice(-4)}`, id)
  return id
}

describe('a compartment', () => {
  test('has its tags, and arrives in the other region', async () => {
    const tags = { freeformTags: { team: 'red' }, definedTags: { ops: { cost: 1 } } }
    const { compartment } = await make('tagged', oci.tenancyId, tags)
    expect(compartment).toMatchObject({ ...tags, compartmentId: oci.tenancyId, inactiveStatus: null })
    await oci.cloud.idle()
    const there = await oci.identity(oci.other).getCompartment({ compartmentId: compartment.id })
    expect(there.compartment).toEqual(compartment)
  })

  test('holds vaults and keys, and the keys of a vault elsewhere', async () => {
    const compartmentId = await makeId('holder')
    const inside = await makeVault(oci, 'inside', undefined, compartmentId)
    expect((await oci.vaults().listVaults({ compartmentId })).items.map(({ id }) => id)).toEqual([inside.id])
    const elsewhere = await makeVault(oci, 'elsewhere')
    for (const vault of [inside, elsewhere]) {
      const { id } = await makeKey(oci, vault, undefined, { compartmentId })
      const { items } = await oci.keys(vault.managementEndpoint).listKeys({ compartmentId })
      expect(items).toMatchObject([{ id, compartmentId }])
    }
  })

  test('that is the tenancy is found, with itself as its parent', async () => {
    const { compartment } = await oci.identity().getCompartment({ compartmentId: oci.tenancyId })
    expect(compartment).toMatchObject({ id: oci.tenancyId, compartmentId: oci.tenancyId, lifecycleState: 'ACTIVE' })
  })

  test('is changed in what is given, and keeps the rest', async () => {
    const { compartment, etag } = await make('before', oci.tenancyId, { freeformTags: { a: '1' } })
    const changed = await update(compartment.id, { description: 'new' }, etag)
    expect(changed.compartment).toEqual({ ...compartment, description: 'new' })
    expect(changed.etag).not.toBe(etag)
    const renamed = await update(compartment.id, { name: 'BEFORE' })
    expect(renamed.compartment).toMatchObject({ name: 'BEFORE', description: 'new', freeformTags: { a: '1' } })
    await update(compartment.id, { name: 'after' })
    expect(await makeId('before')).not.toBe(compartment.id)
  })

  test('is made once for one retry token', async () => {
    const first = await make('again', oci.tenancyId, {}, 'token')
    expect(
      await rowsWrittenBy(oci, async () => {
        expect(await make('again', oci.tenancyId, {}, 'token')).toMatchObject({ compartment: first.compartment })
      }),
    ).toEqual([])
    await refused(() => make('other', oci.tenancyId, {}, 'token'), 409, 'InvalidatedRetryToken')
  })

  test('may lie six levels below the tenancy, and no deeper', async () => {
    const compartmentId = await deepest()
    await refused(() => make('too deep', compartmentId), 400, 'LimitExceeded')
  })

  test('that is gone leaves its name, is still found, and takes no change', async () => {
    const id = await removed(await makeId('gone'))
    const again = await makeId('gone')
    expect(again).not.toBe(id)
    expect((await oci.identity().getCompartment({ compartmentId: id })).compartment).toMatchObject({
      name: 'gone',
      lifecycleState: 'DELETED',
    })
    for (const call of [
      () => update(id, { description: 'x' }),
      () => remove(id),
      () => make('child', id),
      () => makeVault(oci, 'v', undefined, id),
    ]) {
      await refused(call, 409, 'Conflict')
    }
  })
})

describe('a list of compartments', () => {
  let parent: string
  beforeAll(async () => {
    parent = await makeId('listed')
    for (const name of ['b', 'a', 'C', 'a b']) await makeId(name, parent)
    await removed(await makeId('old', parent))
  })
  const { SortBy, SortOrder, AccessLevel } = requests.ListCompartmentsRequest

  test('has the children, newest first, page by page', async () => {
    expect(await names({ compartmentId: parent, limit: 2 })).toEqual(['old', 'a b', 'C', 'a', 'b'])
  })

  test('is sorted and filtered as asked for', async () => {
    expect(await names({ compartmentId: parent, sortBy: SortBy.Name, limit: 1 })).toEqual(['C', 'a', 'a b', 'b', 'old'])
    expect(await names({ compartmentId: parent, sortBy: SortBy.Name, sortOrder: SortOrder.Desc, limit: 2 })).toEqual([
      'old',
      'b',
      'a b',
      'a',
      'C',
    ])
    expect(await names({ compartmentId: parent, name: 'a' })).toEqual(['a'])
    expect(await names({ compartmentId: parent, lifecycleState: 'deleted' })).toEqual(['old'])
    expect(await names({ compartmentId: parent, lifecycleState: 'ACTIVE' })).toHaveLength(4)
    expect(await names({ compartmentId: parent, accessLevel: AccessLevel.Accessible })).toHaveLength(5)
  })

  test('has the whole tree only from the tenancy', async () => {
    const all = await names({ compartmentIdInSubtree: true })
    expect(all).toEqual(expect.arrayContaining(['listed', 'a', 'C']))
    expect(await names({})).not.toContain('C')
    const below = { compartmentId: parent, compartmentIdInSubtree: true }
    await refused(() => oci.identity().listCompartments(below), 400, 'InvalidParameter')
  })
})

describe('refused', () => {
  test.each([
    ['', 400],
    ['x'.repeat(101), 400],
    ['a/b', 400],
    ['ä', 400],
  ])('is the name %j', (name) => refused(() => make(name), 400, 'InvalidParameter'))

  test.each(['', 'x'.repeat(401)])('is a description of a length that OCI has not', (description) =>
    refused(() => make('described', oci.tenancyId, { description }), 400, 'InvalidParameter'),
  )

  test('is a name that a sibling has, in whatever case; elsewhere it is free', async () => {
    const id = await makeId('Taken')
    await refused(() => make('tAKEN'), 409, 'NotAuthorizedOrResourceAlreadyExists')
    const other = await makeId('not taken')
    await refused(() => update(other, { name: 'taken' }), 409, 'NotAuthorizedOrResourceAlreadyExists')
    expect(await makeId('Taken', id)).not.toBe(id)
  })

  test('is an etag of before: 412', async () => {
    const { compartment, etag } = await make('moving on')
    await update(compartment.id, { description: 'x' })
    await refused(() => update(compartment.id, { description: 'y' }, etag), 412, 'NoEtagMatch')
    await refused(() => remove(compartment.id, etag), 412, 'NoEtagMatch')
  })

  test('is a compartment that does not exist, in every call: 404', async () => {
    const none = oci.tenancyId.replace('.tenancy.', '.compartment.')
    for (const call of [
      () => oci.identity().getCompartment({ compartmentId: none }),
      () => oci.identity().listCompartments({ compartmentId: none }),
      () => update(none, { description: 'x' }),
      () => remove(none),
      () => make('child', none),
      () => makeVault(oci, 'v', undefined, none),
    ]) {
      await refused(call, 404, 'NotAuthorizedOrNotFound')
    }
  })

  test('is a change of the tenancy itself: 400', async () => {
    await refused(() => update(oci.tenancyId, { description: 'x' }), 400, 'InvalidParameter')
    await refused(() => remove(oci.tenancyId), 400, 'InvalidParameter')
  })

  test('is the deletion of what is not empty: 409', async () => {
    const compartmentId = await makeId('full')
    await makeVault(oci, 'v', undefined, compartmentId)
    await refused(() => remove(compartmentId), 409, 'Conflict')
  })

  test('is every change outside the home region: 403', async () => {
    const compartmentId = await makeId('at home')
    await oci.cloud.idle()
    const there = oci.identity(oci.other)
    const details = { compartmentId: oci.tenancyId, name: 'abroad', description: 'd' }
    for (const call of [
      () => there.createCompartment({ createCompartmentDetails: details }),
      () => there.updateCompartment({ compartmentId, updateCompartmentDetails: { description: 'x' } }),
      () => there.deleteCompartment({ compartmentId }),
    ]) {
      await refused(call, 403, 'NotAllowed')
    }
  })
})
