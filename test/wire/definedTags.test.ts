import { readFileSync, readdirSync } from 'node:fs'
import type { models as identityModels } from 'oci-identity'
import { expectRefusal, makeKey, makeVault, ociCloud, send, shapes, type OciCloud } from './ociCloud.ts'
import { allow, join, makeGroup, makeUser } from './serviceUser.ts'

/** Defined tags of keys that a tenancy has, of others, and those that compartments give. */

type Defined = Record<string, Record<string, unknown>>

let oci: OciCloud
/** Made before the tenancy had a tag namespace. */
let old: { vaultId: string; managementEndpoint: string; keyId: string }
const oldTags = { Legacy: { owner: 'a', team: 'b' } }

beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
  const createVaultDetails = { compartmentId: oci.tenancyId, displayName: 'old', vaultType: 'DEFAULT' as never }
  const { vault } = await oci
    .vaults()
    .createVault({ createVaultDetails: { ...createVaultDetails, definedTags: oldTags } })
  const key = await makeKey(oci, vault, shapes.aes256, { definedTags: oldTags })
  old = { vaultId: vault.id, managementEndpoint: vault.managementEndpoint, keyId: key.id }
  await makeTags('Ops', 'cost', 'team')
})
afterAll(() => oci.close())

async function makeTags(name: string, ...keys: string[]): Promise<{ tagNamespaceId: string; ids: string[] }> {
  const createTagNamespaceDetails = { compartmentId: oci.tenancyId, name, description: 'd' }
  const { tagNamespace } = await oci.identity().createTagNamespace({ createTagNamespaceDetails })
  const tagNamespaceId = tagNamespace.id
  const ids: string[] = []
  for (const key of keys) {
    const createTagDetails = { name: key, description: 'd' }
    ids.push((await oci.identity().createTag({ tagNamespaceId, createTagDetails })).tag.id)
  }
  return { tagNamespaceId, ids }
}

async function makeCompartment(name: string, more: Partial<identityModels.CreateCompartmentDetails> = {}) {
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name, description: 'd', ...more }
  return (await oci.identity().createCompartment({ createCompartmentDetails })).compartment
}

const makeDefault = (compartmentId: string, tagDefinitionId: string, value: string, isRequired = false) =>
  oci.identity().createTagDefault({ createTagDefaultDetails: { compartmentId, tagDefinitionId, value, isRequired } })

const updateTag = (tagNamespaceId: string, tagName: string, updateTagDetails: identityModels.UpdateTagDetails) =>
  oci.identity().updateTag({ tagNamespaceId, tagName, updateTagDetails })

async function refusedWith(call: () => Promise<unknown>, message: string): Promise<void> {
  await expectRefusal(oci, call, 400, 'InvalidParameter')
  await expect(call()).rejects.toThrow(message)
}

const unknown = (names: string) => `These tag namespaces or keys do not exist, or you may not use them: ${names}.`

/** Every operation that takes defined tags, by where it goes; its body is complete without them. */
async function takers(): Promise<readonly (readonly [method: 'POST' | 'PUT', url: string, body: object])[]> {
  const { tenancyId: compartmentId, home } = oci
  const identity = oci.identity()
  const named = (name: string) => ({ compartmentId, name, description: 'd' })
  const at = (path: string) => `${home}/20160918/${path}`
  const keys = `${old.managementEndpoint}/20180608/keys`
  const user = (await identity.createUser({ createUserDetails: named('taker') })).user.id
  const group = (await identity.createGroup({ createGroupDetails: named('taker') })).group.id
  const matchingRule = "request.principal.sub = 'c'"
  const createDynamicGroupDetails = { ...named('taker'), matchingRule }
  const dynamicGroup = (await identity.createDynamicGroup({ createDynamicGroupDetails })).dynamicGroup.id
  const policy = await allow(oci, 'taker', 'Allow group taker to read keys in tenancy')
  const compartment = (await makeCompartment('taker')).id
  const { tagNamespaceId } = await makeTags('taker', 'k')
  const statements = ['Allow group taker to read keys in tenancy']
  const wrappedImportKey = { keyMaterial: 'aGVsbG8=', wrappingAlgorithm: 'RSA_OAEP_SHA256' }
  const described = { description: 'e' }
  return [
    ['POST', `${home}/20180608/vaults`, { compartmentId, displayName: 'd', vaultType: 'DEFAULT' }],
    ['PUT', `${home}/20180608/vaults/${old.vaultId}`, { displayName: 'd' }],
    ['POST', keys, { compartmentId, displayName: 'd', keyShape: shapes.aes256 }],
    ['POST', `${keys}/import`, { compartmentId, displayName: 'd', keyShape: shapes.aes256, wrappedImportKey }],
    ['PUT', `${keys}/${old.keyId}`, { displayName: 'd' }],
    ['POST', at('compartments'), named('n')],
    ['PUT', at(`compartments/${compartment}`), described],
    ['POST', at('policies'), { ...named('n'), statements }],
    ['PUT', at(`policies/${policy}`), described],
    ['POST', at('users'), named('n')],
    ['PUT', at(`users/${user}`), described],
    ['POST', at('groups'), named('n')],
    ['PUT', at(`groups/${group}`), described],
    ['POST', at('dynamicGroups'), { ...named('n'), matchingRule }],
    ['PUT', at(`dynamicGroups/${dynamicGroup}`), described],
    ['POST', at('tagNamespaces'), named('n')],
    ['PUT', at(`tagNamespaces/${tagNamespaceId}`), described],
    ['POST', at(`tagNamespaces/${tagNamespaceId}/tags`), { name: 'n', description: 'd' }],
    ['PUT', at(`tagNamespaces/${tagNamespaceId}/tags/k`), described],
  ]
}

test('an unknown namespace or key is refused by every operation that takes tags, which takes the others', async () => {
  for (const [method, url, body] of await takers()) {
    const call = async (definedTags: Defined) =>
      send(await oci.signed(method, url, JSON.stringify({ ...body, definedTags })))
    expect(await call({ Nowhere: { a: 'b', c: 'd' }, OPS: { cost: 1, price: 2 } })).toMatchObject({
      statusCode: 400,
      body: { code: 'InvalidParameter', message: unknown('Nowhere, OPS.price') },
    })
    const { body: answer, ...taken } = await call({ ops: { COST: 7 } })
    // Its material is none: the tags were judged before.
    if (url.endsWith('/import')) expect(String(answer['message'])).toContain('gives no key')
    else {
      expect(taken).toMatchObject({ statusCode: 200 })
      expect(answer).toMatchObject({ definedTags: { ops: { COST: 7 } } })
    }
  }
})

test('a resource keeps the tags it had before there were namespaces, and does not get them back', async () => {
  const fresh = await ociCloud({}, { isScheduled: false })
  try {
    const vault = await makeVault(fresh, 'v')
    const keys = () => fresh.keys(vault.managementEndpoint)
    const { id: keyId } = await makeKey(fresh, vault, shapes.aes256, { definedTags: oldTags })
    const createTagNamespaceDetails = { compartmentId: fresh.tenancyId, name: 'Ops', description: 'd' }
    const { tagNamespace } = await fresh.identity().createTagNamespace({ createTagNamespaceDetails })
    const createTagDetails = { name: 'cost', description: 'd' }
    await fresh.identity().createTag({ tagNamespaceId: tagNamespace.id, createTagDetails })
    const set = (definedTags: Defined) => keys().updateKey({ keyId, updateKeyDetails: { definedTags } })
    const both = { legacy: { OWNER: 'a', team: 'b' }, Ops: { cost: '1' } }
    expect((await set(both)).key.definedTags).toEqual(both)
    expect((await keys().updateKey({ keyId, updateKeyDetails: { displayName: 'e' } })).key.definedTags).toEqual(both)
    await expect(set({ Legacy: { owner: 'other', team: 'b' } })).rejects.toThrow(unknown('Legacy'))
    await set({ Legacy: { owner: 'a' } })
    await expect(set(oldTags)).rejects.toThrow(unknown('Legacy'))
  } finally {
    await fresh.close()
  }
})

test('a retired key is set on nothing new, and stays where it is until it is taken away', async () => {
  const { tagNamespaceId } = await makeTags('Retiring', 'k')
  const vault = await makeVault(oci, 'retiring')
  const keys = () => oci.keys(vault.managementEndpoint)
  const { id: keyId } = await makeKey(oci, vault, shapes.aes256, { definedTags: { Retiring: { k: 'v' } } })
  const set = (definedTags: Defined) => keys().updateKey({ keyId, updateKeyDetails: { definedTags } })
  const refusal = 'These tag keys are retired and set on nothing any more: Retiring.k.'
  await updateTag(tagNamespaceId, 'k', { isRetired: true })
  await refusedWith(() => makeKey(oci, vault, shapes.aes256, { definedTags: { Retiring: { k: 'v' } } }), refusal)
  await refusedWith(() => set({ Retiring: { k: 'other' } }), refusal)
  await set({ Retiring: { k: 'v' }, Ops: { cost: 1 } })
  await set({})
  await refusedWith(() => set({ Retiring: { k: 'v' } }), refusal)
})

test('a key with a list takes its values only; what stood before stays', async () => {
  const { tagNamespaceId } = await makeTags('Listed', 'size')
  const vault = await makeVault(oci, 'listed')
  const make = (size: unknown) => makeKey(oci, vault, shapes.aes256, { definedTags: { Listed: { size } } })
  const { id: keyId } = await make('huge')
  const validator = { validatorType: 'ENUM', values: ['s', '1'] } as never
  await updateTag(tagNamespaceId, 'size', { validator })
  await refusedWith(() => make('m'), 'The values of these tags are none of those that their keys take: Listed.size.')
  await make('s')
  await make(1)
  const updateKeyDetails = { displayName: 'e', definedTags: { Listed: { size: 'huge' } } }
  await oci.keys(vault.managementEndpoint).updateKey({ keyId, updateKeyDetails })
})

describe('whoever may not use a namespace', () => {
  test('is refused as if it were not there, gets its defaults, and leaves them as they are', async () => {
    const { ids } = await makeTags('Finance', 'center')
    const { id: compartmentId } = await makeCompartment('finance')
    await makeDefault(compartmentId, ids[0] ?? '', 'W1234')
    const user = await makeUser(oci, 'eli')
    await join(oci, user.userId, await makeGroup(oci, 'elis'))
    await allow(
      oci,
      'elis',
      'Allow group elis to manage vaults in compartment finance',
      "Allow group elis to use tag-namespaces in tenancy where target.tag-namespace.name != 'Finance'",
    )
    const vaults = () => user.vaults(oci.home)
    const details = { compartmentId, displayName: 'v', vaultType: 'DEFAULT' as never }
    const make = (definedTags: Defined) => vaults().createVault({ createVaultDetails: { ...details, definedTags } })
    await refusedWith(() => make({ Finance: { center: 'mine' } }), unknown('Finance'))
    const { vault } = await make({ Ops: { cost: 1 } })
    const defined = { Ops: { cost: 1 }, Finance: { center: 'W1234' } }
    expect(vault.definedTags).toEqual(defined)
    const set = (definedTags: Defined) =>
      vaults().updateVault({ vaultId: vault.id, updateVaultDetails: { displayName: 'w', definedTags } })
    await set({ ...defined, Ops: { cost: 2 } })
    await refusedWith(() => set({ Finance: { center: 'mine' } }), unknown('Finance'))
    await refusedWith(() => set({}), unknown('Finance'))
  })
})

describe('the defaults of a compartment', () => {
  test('are set on what is made in it or below it, in every region, with the variables of OCI', async () => {
    const { ids } = await makeTags('Made', 'by', 'on', 'plain')
    const { id: compartmentId } = await makeCompartment('made')
    const inner = await makeCompartment('inner', { compartmentId })
    expect(inner.definedTags).toEqual({})
    const [by = '', on = '', plain = ''] = ids
    await makeDefault(compartmentId, by, '${iam.principal.type}/${iam.principal.name}')
    await makeDefault(compartmentId, on, '${oci.datetime}')
    await makeDefault(compartmentId, plain, 'outer {plain} $5')
    const { id: innermost, definedTags } = await makeCompartment('innermost', { compartmentId: inner.id })
    const name = (await oci.identity().getUser({ userId: oci.cloud.administrator.userId })).user.name
    expect(definedTags).toEqual({
      Made: {
        by: `user/${name}`,
        on: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
        plain: 'outer {plain} $5',
      },
    })
    await makeDefault(innermost, plain, 'near')
    const createVaultDetails = { compartmentId: innermost, displayName: 'v', vaultType: 'DEFAULT' as never }
    const given = { MADE: { BY: 'me' }, Ops: { cost: 1 } }
    const { vault } = await oci
      .vaults(oci.other)
      .createVault({ createVaultDetails: { ...createVaultDetails, definedTags: given } })
    expect(vault.definedTags).toMatchObject({ MADE: { BY: 'me', plain: 'near' }, Ops: { cost: 1 } })
    expect(Object.keys(vault.definedTags ?? {})).toEqual(['MADE', 'Ops'])
    const key = await makeKey(oci, vault, shapes.aes256, { compartmentId: inner.id })
    expect(key.definedTags).toMatchObject({ Made: { plain: 'outer {plain} $5' } })
  })

  test('that are required are said by whoever makes something, unless a nearer one is not', async () => {
    const { ids, tagNamespaceId } = await makeTags('Required', 'owner')
    const { id: compartmentId } = await makeCompartment('required')
    const { tagDefault } = await makeDefault(compartmentId, ids[0] ?? '', '', true)
    const make = (owner?: unknown) => {
      const definedTags = owner === undefined ? {} : { required: { OWNER: owner } }
      return makeCompartment(`c${Math.random()}`, { compartmentId, definedTags })
    }
    const refusal = 'The compartment wants values of these tags: Required.owner.'
    for (const nothing of [undefined, null, '']) await refusedWith(() => make(nothing), refusal)
    const { id: below } = await make('me')
    await makeDefault(below, ids[0] ?? '', 'given')
    const { definedTags } = await makeCompartment('below', { compartmentId: below })
    expect(definedTags).toEqual({ Required: { owner: 'given' } })
    // A retired key is wanted by nobody.
    await updateTag(tagNamespaceId, 'owner', { isRetired: true })
    expect((await make()).definedTags).toEqual({})
    await updateTag(tagNamespaceId, 'owner', { isRetired: false })
    await refusedWith(() => make(), refusal)
    await oci.identity().deleteTagDefault({ tagDefaultId: tagDefault.id })
    expect((await make()).definedTags).toEqual({})
  })
})

test('a tenancy whose last namespace is gone takes any tag again', async () => {
  const fresh = await ociCloud({}, { isScheduled: false })
  try {
    const createTagNamespaceDetails = { compartmentId: fresh.tenancyId, name: 'Only', description: 'd' }
    const { tagNamespace } = await fresh.identity().createTagNamespace({ createTagNamespaceDetails })
    const make = () =>
      fresh.vaults().createVault({
        createVaultDetails: {
          compartmentId: fresh.tenancyId,
          displayName: 'v',
          vaultType: 'DEFAULT' as never,
          definedTags: { any: { tag: true } },
        },
      })
    await expect(make()).rejects.toThrow(unknown('any'))
    await fresh.identity().deleteTagNamespace({ tagNamespaceId: tagNamespace.id })
    expect((await make()).vault.definedTags).toEqual({ any: { tag: true } })
  } finally {
    await fresh.close()
  }
})

test('every handler that takes defined tags has them judged', () => {
  const root = new URL('../../handlers/', import.meta.url)
  const handlers = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const source = (file: string) => readFileSync(new URL(file, root), 'utf8')
  const takes = handlers.filter((file) =>
    /import \{[^}]*(definedTags|updatableFields)[^}]*\} from '.*fields/.test(source(file)),
  )
  expect(takes.length).toBeGreaterThan(18)
  expect(takes.filter((file) => !/await (withDefaultTags|requireTagsTaken)\(request/.test(source(file)))).toEqual([])
})
