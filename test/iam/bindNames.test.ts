import fc from 'fast-check'
import { bindKnownNames, bindNames } from '../../lib/iam/bindNames.ts'
import { compartmentTree } from '../../lib/iam/compartmentTree.ts'
import { compilePolicy, isAllowed } from '../../lib/iam/policy.ts'
import { permissionsByVerb, type Permission } from '../../lib/iam/permissions.ts'

const root = 'ocid1.tenancy.oc1..t'
const groups = ['Readers', 'Writers'].map((name) => ({ id: `ocid1.group.oc1..${name.toLowerCase()}`, name }))

/** Two compartments under the root, each with a child of one name. */
const rows = [
  { id: root, parentId: null, name: 'acme' },
  { id: 'ocid1.compartment.oc1..a', parentId: root, name: 'Alpha' },
  { id: 'ocid1.compartment.oc1..b', parentId: root, name: 'Beta' },
  { id: 'ocid1.compartment.oc1..ac', parentId: 'ocid1.compartment.oc1..a', name: 'Child' },
  { id: 'ocid1.compartment.oc1..bc', parentId: 'ocid1.compartment.oc1..b', name: 'Child' },
]
const ids = rows.map(({ id }) => id)
const dynamicGroups = [{ id: 'ocid1.dynamicgroup.oc1..readers', name: 'Readers' }]
const directory = {
  compartments: rows,
  group: groups,
  'dynamic-group': dynamicGroups,
  user: [{ id: 'ocid1.user.oc1..ann', name: 'Ann' }],
  'tag-namespace': [],
  'trusted-issuer': [],
}
const tree = compartmentTree(rows)
const all = () => true

const subject = fc.constantFrom(
  'any-user',
  'group Readers',
  'group WRITERS, Nobody',
  'group id ocid1.group.oc1..readers',
)
const location = fc.constantFrom(
  'tenancy',
  'compartment alpha',
  'compartment Beta:child',
  'compartment Child',
  'compartment none',
)
const statement = fc.tuple(subject, location).map(([who, where]) => `Allow ${who} to read keys in ${where}`)
const source = fc.record({
  id: fc.constant('p'),
  compartmentId: fc.constantFrom(...ids),
  statements: fc.array(statement, { maxLength: 3 }),
})
const permissions: readonly Permission[] = [...permissionsByVerb.keys.read]

test('bound, a policy decides what it decided by names, as long as nothing is renamed', () => {
  fc.assert(
    fc.property(source, fc.constantFrom(...ids), fc.subarray(groups), (policy, compartmentId, own) => {
      const principal = { kind: 'user', id: 'u', name: 'u', tenancyId: root, groups: own, dynamicGroups: [] } as const
      const access = {
        permissions,
        compartmentId,
        operation: 'GetKey',
        region: 'us-ashburn-1',
        now: 0,
        variables: {},
      } as const
      const decides = (each: Parameters<typeof compilePolicy>[0]) =>
        isAllowed([compilePolicy(each)], tree, principal, access)
      expect(decides({ ...policy, bound: bindKnownNames(policy, directory) })).toBe(decides(policy))
    }),
  )
})

test('every name is bound to its OCID, whatever its case; the same name elsewhere is another one', () => {
  const statements = [
    'Allow group readers, Default/WRITERS to read keys in compartment ALPHA:child',
    'Allow group Readers to read keys in compartment beta',
  ]
  expect(bindNames({ compartmentId: root, statements }, directory, all)).toEqual({
    compartments: [
      { path: ['alpha', 'child'], id: 'ocid1.compartment.oc1..ac' },
      { path: ['beta'], id: 'ocid1.compartment.oc1..b' },
    ],
    groups: [
      { name: 'readers', id: 'ocid1.group.oc1..readers' },
      { name: 'writers', id: 'ocid1.group.oc1..writers' },
    ],
  })
  const here = {
    compartmentId: 'ocid1.compartment.oc1..b',
    statements: ['Allow any-user to read keys in compartment Child'],
  }
  expect(bindNames(here, directory, all).compartments).toEqual([{ path: ['child'], id: 'ocid1.compartment.oc1..bc' }])
})

test('a refusal says which statement, and names at most twenty of those that are there', () => {
  const many = Array.from({ length: 30 }, (_, index) => ({
    id: `g${index}`,
    name: `group${String(index).padStart(2, '0')}`,
  }))
  const statements = ['Allow any-user to read keys in tenancy', 'Allow group nobody to read keys in tenancy']
  expect(() => bindNames({ compartmentId: root, statements }, { ...directory, group: many }, all)).toThrow(
    /^Policy statement 2: the group nobody is not known\. Known here: group00, .*group19 and 10 more\.$/,
  )
})

test('where there are none to name, the refusal says so', () => {
  const statements = ['Allow dynamic-group Readers to read keys in tenancy']
  expect(() => bindNames({ compartmentId: root, statements }, { ...directory, 'dynamic-group': [] }, all)).toThrow(
    /^Policy statement 1: the dynamic-group Readers is not known\. There are none here that you may list\.$/,
  )
})

test('a dynamic group is bound apart from the group of its name, and by its OCID alone', () => {
  const statements = ['Allow dynamic-group READERS to read keys in tenancy']
  const names = bindNames({ compartmentId: root, statements }, directory, all)
  expect(names).toEqual({
    compartments: [],
    groups: [],
    dynamicGroups: [{ name: 'readers', id: 'ocid1.dynamicgroup.oc1..readers' }],
  })
  const policy = compilePolicy({ id: 'p', compartmentId: root, statements, bound: names })
  const principal = { kind: 'resource', id: 'r', name: 'r', tenancyId: root, groups: [], dynamicGroups: [] } as const
  const access = { permissions, compartmentId: root, operation: 'GetKey', region: 'r', now: 0, variables: {} } as const
  const reads = (own: Partial<Pick<Parameters<typeof isAllowed>[2], 'groups' | 'dynamicGroups'>>) =>
    isAllowed([policy], tree, { ...principal, ...own }, access)
  expect(reads({ dynamicGroups })).toBe(true)
  expect(reads({ dynamicGroups: [{ id: 'ocid1.dynamicgroup.oc1..later', name: 'Readers' }] })).toBe(false)
  expect(reads({ groups })).toBe(false)
})

const bound = (...statements: readonly string[]) => bindNames({ compartmentId: root, statements }, directory, all)

test.each<[string, RegExp]>([
  [
    'Allow any-user to read keys in compartment none:here',
    /^.* 1: the compartment none:here is not known\. Known here: Alpha, Beta\.$/,
  ],
  [
    'Allow group nobody to read keys in tenancy',
    /^.* 1: the group nobody is not known\. Known here: Readers, Writers\.$/,
  ],
  [
    'Allow group Other/Readers to read keys in tenancy',
    /^.* 1: the group Readers is not known\. Known here: Readers, Writers\.$/,
  ],
  [
    'Allow dynamic-group id ocid1.dynamicgroup.oc1..elsewhere to read keys in tenancy',
    /^.* 1: the dynamic-group ocid1.dynamicgroup.oc1..elsewhere is not known\. Known here: Readers\.$/,
  ],
  [
    'Allow dynamic-group Writers to read keys in tenancy',
    /^.* 1: the dynamic-group Writers is not known\. Known here: Readers\.$/,
  ],
  [
    'Allow service nothing to read keys in tenancy',
    /^.* 1: the service nothing is not known\. Known here: keymanagementservice, .*, objectstorage-<region>\.$/,
  ],
  ['Allow service dbaas, nothing to read keys in tenancy', /the service nothing is not known/],
  ['Deny group nobody to read keys in tenancy', /^.* 1: the group nobody is not known/],
  [
    'Allow any-user to read keys in compartment id ocid1.compartment.oc1..elsewhere',
    /^.* 1: the compartment ocid1\.compartment\.oc1\.\.elsewhere at or below the policy's is not known\. Known here: Alpha, Beta\.$/,
  ],
  [
    'Allow group id ocid1.group.oc1..elsewhere to read keys in tenancy',
    /^.* 1: the group ocid1\.group\.oc1\.\.elsewhere is not known\. Known here: Readers, Writers\.$/,
  ],
])('%s is refused with what is there', (statement, message) => {
  expect(() => bound(statement)).toThrow(
    expect.objectContaining({ code: 'invalidParameter', message: expect.stringMatching(message) as string }) as Error,
  )
})

test.each([
  'Allow service DBAAS, objectstorage-us-ashburn-1 to read keys in tenancy',
  'Allow any-user to read keys in tenancy',
  'Allow any-user to read keys in compartment id ocid1.compartment.oc1..bc',
  'Allow any-user to read keys in compartment id ocid1.tenancy.oc1..t',
  'Allow group id OCID1.group.oc1..READERS to read keys in tenancy',
  'Allow dynamic-group id ocid1.dynamicgroup.oc1..readers to read keys in tenancy',
  'Endorse group elsewhere to read keys in any-tenancy',
])('%s names nothing that must be there', (statement) => {
  expect(bound(statement)).toEqual({ compartments: [], groups: [] })
})

test('a compartment beside the policy is refused by its OCID as by its name', () => {
  const beside = {
    compartmentId: 'ocid1.compartment.oc1..a',
    statements: ['Allow any-user to read keys in compartment id ocid1.compartment.oc1..bc'],
  }
  expect(() => bindNames(beside, directory, all)).toThrow(
    /the compartment ocid1\.compartment\.oc1\.\.bc at or below the policy's/,
  )
})

test('exactly twenty names are all told', () => {
  const many = Array.from({ length: 20 }, (_, index) => ({
    id: `g${index}`,
    name: `g${String(index).padStart(2, '0')}`,
  }))
  const statements = ['Allow group nobody to read keys in tenancy']
  expect(() => bindNames({ compartmentId: root, statements }, { ...directory, group: many.toReversed() }, all)).toThrow(
    /Known here: g00, g01, .*g18, g19\.$/,
  )
})

test('what was stored before is bound as far as it leads, whatever else it names', () => {
  const statements = [
    'Allow group nobody, Writers to read keys in compartment none',
    'Allow group Other/Readers to read keys in compartment alpha',
    'Allow dynamic-group Writers to read keys in tenancy',
    'Allow service nothing to read keys in tenancy',
  ]
  expect(bindKnownNames({ compartmentId: root, statements }, directory)).toEqual({
    compartments: [{ path: ['alpha'], id: 'ocid1.compartment.oc1..a' }],
    groups: [{ name: 'writers', id: 'ocid1.group.oc1..writers' }],
  })
})

const inTenancy = 'Allow any-user to read keys in tenancy where'

test('names in conditions are bound to all that have them at or below the policy, each kind apart; patterns are not', () => {
  const statements = [
    `${inTenancy} any {target.compartment.name = 'CHILD', target.compartment.name != 'beta', target.compartment.name = /al*/}`,
    `${inTenancy} all {target.group.name in ('Readers', 'W*'), request.user.name = 'ann', request.user.id = 'ann'}`,
  ]
  expect(bindNames({ compartmentId: root, statements }, directory, all).conditions).toEqual([
    { kind: 'compartment', name: 'child', ids: ['ocid1.compartment.oc1..ac', 'ocid1.compartment.oc1..bc'] },
    { kind: 'compartment', name: 'beta', ids: ['ocid1.compartment.oc1..b'] },
    { kind: 'group', name: 'readers', ids: ['ocid1.group.oc1..readers'] },
    { kind: 'user', name: 'ann', ids: ['ocid1.user.oc1..ann'] },
  ])
})

test.each([
  ["target.compartment.name = 'none'", 'the compartment none of the condition is not known. Known here: Alpha, Beta'],
  ["any {request.operation = 'x', target.compartment.name != 'none'}", 'the compartment none of the condition'],
  ["target.compartment.name in ('alpha', 'none')", 'the compartment none of the condition'],
  ["target.group.name = 'none'", 'the group none of the condition is not known. Known here: Readers, Writers.'],
  ["target.dynamicgroup.name = 'none'", 'the dynamic-group none of the condition is not known. Known here: Readers.'],
  ["TARGET.user.NAME = 'none'", 'the user none of the condition is not known. Known here: Ann.'],
  ["request.user.name = 'none'", 'the user none of the condition is not known. Known here: Ann.'],
  ["target.tag-namespace.name = 'none'", 'the tag-namespace none of the condition is not known. There are none here'],
  ["target.trustedIssuer.name = 'none'", 'the trusted-issuer none of the condition is not known.'],
])('a condition that names nothing that is there is refused: %s', (condition, message) => {
  expect(() => bound(`${inTenancy} ${condition}`)).toThrow(message)
})

test('a refusal names none but what may be shown', () => {
  const isShown = (kind: string, { name }: { name: string }) => kind === 'group' && name === 'Writers'
  const refusal = (statement: string) => {
    try {
      return bindNames({ compartmentId: root, statements: [statement] }, directory, isShown)
    } catch (cause) {
      return (cause as Error).message
    }
  }
  expect(refusal('Allow group none to read keys in tenancy')).toMatch(/Known here: Writers\.$/)
  const nothing = /is not known\. There are none here that you may list\.$/
  expect(refusal('Allow dynamic-group none to read keys in tenancy')).toMatch(nothing)
  expect(refusal('Allow any-user to read keys in compartment none')).toMatch(nothing)
  expect(refusal(`${inTenancy} request.user.name = 'none'`)).toMatch(nothing)
  expect(refusal('Allow service none to read keys in tenancy')).toContain('Known here: keymanagementservice')
})

test('a policy in a compartment cannot say the tenancy; one that was stored so is bound all the same', () => {
  const source = { compartmentId: 'ocid1.compartment.oc1..a', statements: ['Allow any-user to read keys in tenancy'] }
  expect(() => bindNames(source, directory, all)).toThrow(
    'Policy statement 1: a policy in a compartment reaches that compartment and those below it, not the tenancy. Write in compartment id ocid1.compartment.oc1..a, or make the policy in the tenancy.',
  )
  expect(bindKnownNames(source, directory)).toEqual({ compartments: [], groups: [] })
})
