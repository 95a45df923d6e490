import { exactTarget, signedTargets } from '../../lib/iam/signature/signedTargets.ts'

test.each<[string, string, readonly string[]]>([
  ['/a/b', '', ['/a/b']],
  ['/a/b', 'limit=1&page=%3A', ['/a/b?limit=1&page=%3A']],
  ['/k/0a:ff', 'x=1', ['/k/0a:ff?x=1', '/k/0a%3Aff?x=1']],
  ['/a?b', 'c', ['/a%3Fb?c']],
  ['/\u0141 b', '', ['/%C5%81%20b']],
])('the path %j with the query %j may have been signed as %j', (path, query, expected) => {
  expect(signedTargets(path, query)).toEqual(expected)
})

test('a target is path and query as they came', () => {
  expect([exactTarget('/a/b', ''), exactTarget('/a/b', 'c=%3A')]).toEqual(['/a/b', '/a/b?c=%3A'])
})
