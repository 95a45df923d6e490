import { compartmentTree } from '../../lib/iam/compartmentTree.ts'
import { abc, abcChild, tenancy, tree } from './policyFixtures.ts'

test('ancestors go from a compartment to its tenancy', () => {
  expect(tree.ancestors(abcChild)).toEqual([abcChild, abc, tenancy])
  expect(tree.ancestors(tenancy)).toEqual([tenancy])
  expect(tree.ancestors(abcChild)).toBe(tree.ancestors(abcChild))
})

test('an unknown compartment, an orphan and a circle have no ancestors', () => {
  const broken = compartmentTree([
    { id: 'root', parentId: null, name: 'root' },
    { id: 'orphan', parentId: 'gone', name: 'orphan' },
    { id: 'a', parentId: 'b', name: 'a' },
    { id: 'b', parentId: 'a', name: 'b' },
    { id: 'self', parentId: 'self', name: 'self' },
  ])
  for (const id of ['gone', 'orphan', 'a', 'b', 'self', 'constructor']) expect(broken.ancestors(id)).toEqual([])
})

test('a name that two children share names neither', () => {
  const twins = compartmentTree([
    { id: 'root', parentId: null, name: 'root' },
    { id: 'one', parentId: 'root', name: 'Twin' },
    { id: 'two', parentId: 'root', name: 'twin' },
    { id: 'three', parentId: 'one', name: 'Twin' },
  ])
  expect(twins.childOf('root', 'twin')).toBeUndefined()
  expect(twins.childOf('one', 'twin')).toBe('three')
})

test('a name of a compartment that is deleted leads nowhere, and its place is free', () => {
  const rows = [
    { id: 'root', parentId: null, name: 'root', lifecycleState: 'ACTIVE' },
    { id: 'old', parentId: 'root', name: 'Place', lifecycleState: 'DELETED' },
    { id: 'b', parentId: 'root', name: 'b', lifecycleState: 'ACTIVE' },
    { id: 'a', parentId: 'root', name: 'A', lifecycleState: 'ACTIVE' },
  ]
  expect(compartmentTree(rows).childOf('root', 'place')).toBeUndefined()
  const again = compartmentTree([...rows, { id: 'new', parentId: 'root', name: 'PLACE' }])
  expect(again.childOf('root', 'place')).toBe('new')
  const ids = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id)
  expect(ids(again.childrenOf('root'))).toEqual(['b', 'a', 'new'])
  expect([again.childrenOf('a'), again.childrenOf('gone'), again.within('gone')]).toEqual([[], [], []])
  expect(ids(again.within('root'))).toEqual(['root', 'b', 'a', 'new'])
  expect(ids(again.within('a'))).toEqual(['a'])
  expect([again.nameOf('new'), again.nameOf('gone')]).toEqual(['PLACE', undefined])
})

test('of a name that two children share none is told', () => {
  const twins = [
    { id: 'root', parentId: null, name: 'root' },
    { id: 'one', parentId: 'root', name: 'Twin' },
    { id: 'two', parentId: 'root', name: 'twin' },
    { id: 'other', parentId: 'root', name: 'other' },
  ]
  expect(
    compartmentTree(twins)
      .childrenOf('root')
      .map(({ name }) => name),
  ).toEqual(['other'])
})

test.each([
  [[]],
  [
    [
      { id: 'a', parentId: null, name: 'a' },
      { id: 'b', parentId: null, name: 'b' },
    ],
  ],
])('rows without exactly one root are refused: %j', (rows) => {
  expect(() => compartmentTree(rows)).toThrow(
    expect.objectContaining({
      code: 'integrityFailure',
      message: 'The tenancy does not have exactly one root compartment.',
    }) as Error,
  )
})
