import { readFileSync } from 'node:fs'
import { type OperationName, operations as rows, rowOf } from '../../lib/http/operations.ts'
import { permissionsByVerb, permissionsOf, type ResourceType, verbs } from '../../lib/iam/permissions.ts'
import { allows, anAccess, aUser } from './policyFixtures.ts'

const types = Object.keys(permissionsByVerb) as ResourceType[]
const operations = Object.keys(rows) as OperationName[]

/** What a role may do, written out in permissions.golden.txt: a change there is a change of who may do what. */
const roles = [
  'inspect vaults',
  'read vaults',
  'use vaults',
  'manage vaults',
  'inspect keys',
  'read keys',
  'use keys',
  'manage keys',
  'use key-family',
  'manage key-family',
  'manage key-delegate',
  'read audit-events',
  'inspect policies',
  'manage policies',
  'use compartments',
  'manage compartments',
  'use users',
  'manage users',
  'use groups',
  'manage groups',
  'manage dynamic-groups',
  'use tag-namespaces',
  'manage tag-namespaces',
  'manage tag-defaults',
  'use tenancies',
  'read all-resources',
  'use all-resources',
  'manage all-resources',
] as const

test('verbs, operations and roles grant what the golden file says', () => {
  const golden = readFileSync(new URL('permissions.golden.txt', import.meta.url), 'utf8')
  expect(`${[...verbLines(), '', ...operationLines(), '', ...roleLines()].join('\n')}\n`).toBe(golden)
})

test('a stronger verb grants all that a weaker one does', () => {
  for (const resource of [...types, 'key-family', 'secret-family', 'all-resources']) {
    for (const [index, verb] of verbs.slice(1).entries()) {
      expect(permissionsOf(verb, resource)).toEqual(
        expect.arrayContaining([...permissionsOf(verbs[index] ?? 'inspect', resource)]),
      )
    }
  }
})

test('no permission stands in two places, and every operation needs one', () => {
  const all = permissionsOf('manage', 'all-resources')
  expect(new Set(all).size).toBe(all.length)
  for (const operation of operations) {
    expect(rows[operation].permissions.length).toBeGreaterThan(0)
    expect(all).toEqual(expect.arrayContaining([...rows[operation].permissions]))
  }
})

function verbLines(): readonly string[] {
  return types.flatMap((type) =>
    verbs.map((verb) => `${verb} ${type}: ${permissionsByVerb[type][verb].join(' ') || '–'}`),
  )
}

function operationLines(): readonly string[] {
  return operations.map(
    (operation) =>
      `${operation}: ${rowOf(operation).isOpen === true ? 'asked of nobody' : rows[operation].permissions.join(' ')}`,
  )
}

function roleLines(): readonly string[] {
  return roles.map((role) => {
    const allowed = operations.filter((operation) =>
      allows(
        `allow group Role to ${role} in tenancy`,
        aUser('Role'),
        anAccess('KEY_READ', { operation, permissions: rows[operation].permissions }),
      ),
    )
    return `A role that may ${role} can: ${allowed.join(' ') || 'nothing'}`
  })
}
