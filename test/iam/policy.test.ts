import { compilePolicy, isAllowed, isServiceAllowed } from '../../lib/iam/policy.ts'
import type { Permission } from '../../lib/iam/permissions.ts'
import type { Principal } from '../../lib/iam/principal.ts'
import type { AccessRequest } from '../../lib/iam/variables.ts'
import {
  abc,
  abcChild,
  allows,
  anAccess,
  aResource,
  aService,
  aUser,
  compartments,
  noon,
  payments,
  policyAt,
  prod,
  tenancy,
  tree,
} from './policyFixtures.ts'

const refused = expect.objectContaining({ code: 'invalidParameter' }) as Error

describe('the ten statements from practice', () => {
  const otherKey = { variables: { 'target.key.id': 'ocid1.key.oc1..y', 'target.vault.id': 'ocid1.vault.oc1..y' } }
  const admins = aUser('SecurityAdmins')
  const operators = aUser('KeyOperators')
  const appTeam = aUser('AppTeam')
  const hosts = aResource('AppHosts')
  const storage = aService('objectstorage-us-phoenix-1')
  const kms = aService('keymanagementservice')

  test.each<[string, readonly [Principal, Permission, Partial<AccessRequest>, boolean][]]>([
    [
      'Allow group SecurityAdmins to manage vaults in tenancy',
      [
        [admins, 'VAULT_DELETE', { compartmentId: payments }, true],
        [admins, 'VAULT_INSPECT', { compartmentId: tenancy }, true],
        [admins, 'KEY_READ', {}, false],
        [aUser('Others'), 'VAULT_DELETE', {}, false],
        [aUser(), 'VAULT_INSPECT', {}, false],
      ],
    ],
    [
      'Allow group SecurityAdmins to manage keys in tenancy',
      [
        [admins, 'KEY_ROTATE', {}, true],
        [admins, 'VAULT_CREATE_KEY', {}, false],
        [aUser('securityadmins'), 'KEY_ROTATE', {}, true],
      ],
    ],
    [
      "Allow group KeyUsers to use keys in compartment ABC where target.key.id = 'ocid1.key.oc1..x'",
      [
        [aUser('KeyUsers'), 'KEY_ENCRYPT', {}, true],
        [aUser('KeyUsers'), 'KEY_INSPECT', { compartmentId: abcChild }, true],
        [aUser('KeyUsers'), 'KEY_DELETE', {}, false],
        [aUser('KeyUsers'), 'KEY_ENCRYPT', otherKey, false],
        [aUser('KeyUsers'), 'KEY_ENCRYPT', { variables: {} }, false],
        [aUser('KeyUsers'), 'KEY_ENCRYPT', { compartmentId: prod }, false],
        [aUser('KeyUsers'), 'KEY_ENCRYPT', { compartmentId: tenancy }, false],
      ],
    ],
    [
      "Allow group VaultOps to manage keys in compartment ABC where target.vault.id = 'ocid1.vault.oc1..x'",
      [
        [aUser('VaultOps'), 'KEY_DELETE', {}, true],
        [aUser('VaultOps'), 'KEY_DELETE', otherKey, false],
      ],
    ],
    [
      "Allow group KeyOperators to manage keys in tenancy where request.permission != 'KEY_DELETE'",
      [
        [operators, 'KEY_CREATE', {}, true],
        [operators, 'KEY_DELETE', {}, false],
        [operators, 'KEY_CREATE', { permissions: ['KEY_CREATE', 'KEY_DELETE'] }, false],
      ],
    ],
    [
      "Allow group AppTeam to {VAULT_INSPECT, VAULT_READ} in compartment Prod:Payments where request.region = 'iad'",
      [
        [appTeam, 'VAULT_READ', { compartmentId: payments }, true],
        [appTeam, 'VAULT_READ', { compartmentId: payments, region: 'us-phoenix-1' }, false],
        [appTeam, 'VAULT_READ', { compartmentId: prod }, false],
        [appTeam, 'VAULT_CREATE_KEY', { compartmentId: payments }, false],
      ],
    ],
    [
      "Allow dynamic-group AppHosts to use keys in compartment ABC where any {request.operation = 'Encrypt', request.operation = 'Decrypt'}",
      [
        [hosts, 'KEY_ENCRYPT', {}, true],
        [hosts, 'KEY_DECRYPT', { operation: 'Decrypt' }, true],
        [hosts, 'KEY_ENCRYPT', { operation: 'GenerateDataEncryptionKey' }, false],
        [aUser('AppHosts'), 'KEY_ENCRYPT', {}, false],
      ],
    ],
    [
      "Allow service blockstorage, objectstorage-us-phoenix-1 to use keys in compartment ABC where target.key.id = 'ocid1.key.oc1..x'",
      [
        [storage, 'KEY_ENCRYPT', {}, true],
        [aService('blockstorage'), 'KEY_DECRYPT', {}, true],
        [aService('filestorage'), 'KEY_ENCRYPT', {}, false],
        [{ ...aUser(), name: 'blockstorage' }, 'KEY_ENCRYPT', {}, false],
      ],
    ],
    [
      'Allow service keymanagementservice to manage vaults in tenancy',
      [
        [kms, 'VAULT_REPLICATE', {}, true],
        [aUser('keymanagementservice'), 'VAULT_REPLICATE', {}, false],
      ],
    ],
    [
      'Allow group Auditors to read audit-events in tenancy',
      [
        [aUser('Auditors'), 'AUDIT_EVENT_READ', {}, true],
        [aUser('Auditors'), 'KEY_INSPECT', {}, false],
      ],
    ],
  ])('%s', (statement, cases) => {
    for (const [principal, permission, changes, expected] of cases) {
      expect(allows(statement, principal, anAccess(permission, changes))).toBe(expected)
    }
  })
})

describe('subjects', () => {
  const ops = { id: 'ocid1.group.oc1..ops', name: 'Ops', domain: 'OracleIdentityCloudService' }

  test.each<[string, Principal, boolean]>([
    ['any-user', aUser(), true],
    ['any-user', aResource(), true],
    ['any-user', aService('blockstorage'), true],
    ['any-group', aUser(), true],
    ['any-group', aResource('Hosts'), true],
    ['any-group', aResource(), false],
    ['any-group', aService('blockstorage'), false],
    ['group A, B', aUser('B'), true],
    ["group 'Default'/'B'", aUser('b'), true],
    ["group 'Other'/'B'", aUser('B'), false],
    ["group 'oracleidentitycloudservice'/'ops'", { ...aUser(), groups: [ops] }, true],
    ['group Ops', { ...aUser(), groups: [ops] }, false],
    ['group id ocid1.group.oc1..ops', { ...aUser(), groups: [ops] }, true],
    ['group ocid1.group.oc1..ops', { ...aUser(), groups: [ops] }, false],
    ['group \u212Aeys', aUser('Keys'), false],
    ['dynamic-group id ocid1.dynamicgroup.oc1..hosts', aResource('Hosts'), true],
    ['group Hosts', aResource('Hosts'), false],
    ['any-user', { ...aUser(), tenancyId: 'ocid1.tenancy.oc1..other' }, false],
    ['any-user', { ...aResource('Hosts'), tenancyId: 'ocid1.tenancy.oc1..other' }, false],
  ])('allow %s, asked by %j: %s', (subject, principal, expected) => {
    expect(allows(`allow ${subject} to use keys in tenancy`, principal, anAccess('KEY_ENCRYPT'))).toBe(expected)
  })
})

describe('places', () => {
  test.each<[string, string, string, readonly string[]]>([
    ['the tenancy', tenancy, 'tenancy', compartments],
    ['ABC', abc, 'tenancy', []],
    ['the tenancy', tenancy, 'compartment ABC', [abc, abcChild]],
    ['the tenancy', tenancy, 'compartment abc:CHILD', [abcChild]],
    ['the tenancy', tenancy, 'compartment Child', []],
    ['the tenancy', tenancy, 'compartment acme', compartments],
    ['the tenancy', tenancy, 'compartment acme:ABC', []],
    ['the tenancy', tenancy, 'compartment ABC:Child:None', []],
    ['ABC', abc, 'compartment ABC', [abc, abcChild]],
    ['ABC', abc, 'compartment Child', [abcChild]],
    ['ABC', abc, 'compartment Prod', []],
    ['the tenancy', tenancy, `compartment id ${prod}`, [prod, payments]],
    ['ABC', abc, `compartment id ${abcChild}`, [abcChild]],
    ['ABC', abc, `compartment id ${prod}`, []],
    ['ABC', abc, `compartment id ${tenancy}`, []],
    ['a compartment that is gone', 'ocid1.compartment.oc1..gone', 'tenancy', []],
  ])('a policy attached to %s (%s) that says “in %s” reaches %j', (_name, attachedTo, location, expected) => {
    const policy = policyAt(attachedTo, `allow any-user to use keys in ${location}`)
    const reached = compartments.filter((compartmentId) =>
      isAllowed([policy], tree, aUser(), anAccess('KEY_ENCRYPT', { compartmentId })),
    )
    expect(reached).toEqual(expected)
  })
})

describe('permissions', () => {
  test('are all needed, each from any statement of any policy', () => {
    const both = anAccess('KEY_CREATE', { permissions: ['KEY_CREATE', 'VAULT_CREATE_KEY'] })
    const keys = policyAt(tenancy, 'allow group A to manage keys in tenancy')
    const vaults = policyAt(abc, 'allow group B to use vaults in compartment ABC')
    expect(isAllowed([keys], tree, aUser('A', 'B'), both)).toBe(false)
    expect(isAllowed([keys, vaults], tree, aUser('A', 'B'), both)).toBe(true)
    expect(isAllowed([keys, vaults], tree, aUser('A'), both)).toBe(false)
  })

  test('that are none at all are no grant', () => {
    const nothing = anAccess('KEY_CREATE', { permissions: [] })
    expect(allows('allow any-user to manage all-resources in tenancy', aUser(), nothing)).toBe(false)
  })

  test.each<[string, Permission, boolean]>([
    ['{KEY_READ}', 'KEY_READ', true],
    ['{KEY_READ}', 'KEY_INSPECT', false],
    ['{key_read, vault_read}', 'VAULT_READ', true],
    ['{KEY_READ, VAULT_READ} keys', 'KEY_READ', true],
    ['{KEY_READ, VAULT_READ} keys', 'VAULT_READ', false],
    ['{KEY_READ} buckets', 'KEY_READ', false],
    ['{OBJECT_READ}', 'KEY_READ', false],
    ['manage buckets', 'KEY_READ', false],
    ['manage secret-family', 'VAULT_READ', false],
    ['manage constructor', 'VAULT_READ', false],
    ['use key-family', 'KEY_ASSOCIATE', true],
    ['use key-family', 'VAULT_CREATE_KEY', true],
    ['use key-family', 'POLICY_READ', false],
    ['manage all-resources', 'POLICY_CREATE', true],
    ['read all-resources', 'POLICY_CREATE', false],
  ])('to %s: %s is %s', (action, permission, expected) => {
    expect(allows(`allow group A to ${action} in tenancy`, aUser('A'), anAccess(permission))).toBe(expected)
  })
})

describe('statements that grant nothing inside their tenancy', () => {
  const statements = [
    'define tenancy Acme as ocid1.tenancy.oc1..acme',
    'endorse any-user to manage all-resources in any-tenancy',
    'admit any-user of tenancy Acme to manage all-resources in tenancy',
  ]

  test('are kept and grant nothing', () => {
    expect(compilePolicy({ id: 'p', compartmentId: tenancy, statements }).statements).toHaveLength(3)
    expect(allows(statements, aUser('A'), anAccess('KEY_READ'))).toBe(false)
  })
})

describe('deny statements', () => {
  const grant = 'allow any-user to manage keys in tenancy'
  const denial = "deny any-user to {KEY_DELETE} in compartment ABC where request.region = 'iad'"

  test.each([
    denial,
    'deny endorse any-user to use keys in any-tenancy',
    'deny admit any-user of tenancy T to use keys',
  ])('are refused while the feature is off: %s', (statement) => {
    expect(() => compilePolicy({ id: 'p', compartmentId: tenancy, statements: [grant, statement] })).toThrow(refused)
  })

  test('beat allow statements wherever they apply', () => {
    expect(allows([grant, denial], aUser('A'), anAccess('KEY_DELETE'))).toBe(false)
    expect(allows([denial, grant], aUser('A'), anAccess('KEY_DELETE', { compartmentId: abcChild }))).toBe(false)
    expect(allows([grant, denial], aUser('A'), anAccess('KEY_DELETE', { compartmentId: prod }))).toBe(true)
    expect(allows([grant, denial], aUser('A'), anAccess('KEY_DELETE', { region: 'us-phoenix-1' }))).toBe(true)
    expect(allows([grant, denial], aUser('A'), anAccess('KEY_CREATE'))).toBe(true)
    expect(allows(denial, aUser('A'), anAccess('KEY_DELETE'))).toBe(false)
  })

  test('do not touch the default Administrators, only them', () => {
    const domain = { ...aUser(), groups: [{ id: 'ocid1.group.oc1..a', name: 'Administrators', domain: 'Other' }] }
    expect(allows([grant, denial], aUser('Administrators'), anAccess('KEY_DELETE'))).toBe(true)
    expect(allows([grant, denial], domain, anAccess('KEY_DELETE'))).toBe(false)
    expect(allows([grant, denial], aResource('Administrators'), anAccess('KEY_DELETE'))).toBe(false)
  })
})

test.each([
  ['tenancy', tenancy, true],
  ['compartment ABC', tenancy, true],
  ['compartment Prod', tenancy, false],
])(
  'the key management service may replicate a vault in ABC by a statement “in %s”',
  (location, attachedTo, expected) => {
    const policies = [policyAt(attachedTo, `Allow service keymanagementservice to manage vaults in ${location}`)]
    const request = anAccess('VAULT_REPLICATE', { operation: 'CreateVaultReplica', now: noon })
    expect(isServiceAllowed(policies, tree, 'keymanagementservice', request)).toBe(expected)
    expect(isServiceAllowed(policies, tree, 'blockstorage', request)).toBe(false)
    expect(isServiceAllowed([], tree, 'keymanagementservice', request)).toBe(false)
  },
)

test('of several statements and policies one that grants is enough, and one that denies', () => {
  const request = anAccess('KEY_ENCRYPT')
  const own = 'allow group G to use keys in tenancy'
  const others = ['allow group H to use keys in tenancy', 'allow group I to use keys in tenancy']
  expect(allows([...others, own], aUser('G'), request)).toBe(true)
  expect(allows([own, ...others], aUser('G'), request)).toBe(true)
  const policies = [
    policyAt(tenancy, own),
    policyAt(tenancy, ...others),
    policyAt(tenancy, 'deny group G to use keys in tenancy'),
  ]
  expect(isAllowed(policies.slice(0, 2), tree, aUser('G'), request)).toBe(true)
  expect(isAllowed(policies, tree, aUser('G'), request)).toBe(false)
  expect(isAllowed(policies.toReversed(), tree, aUser('G'), request)).toBe(false)
})

test.each([0, 1, 2])(
  'where denials are not switched on, the refusal says that it is statement %i, counted from 0',
  (place) => {
    const statements = Array.from({ length: 3 }, () => 'allow group G to use keys in tenancy')
    statements[place] = 'deny group G to use keys in tenancy'
    expect(() => compilePolicy({ id: 'p', compartmentId: tenancy, statements })).toThrow(
      `Policy statement ${place + 1}: deny statements are not enabled here.`,
    )
  },
)
