import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { parseQuery } from '../../lib/http/wireRequest.ts'
import { boundedText } from '../../lib/store/backups/boundedText.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** Bytes that are no UTF-8 are refused: as U+FFFD they would be another text than was signed, and one for many. */

let cloud: TestCloud
let vaultId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
})
afterAll(() => {
  cloud.close()
})

const noText: readonly [string, number[]][] = [
  ['a byte that is none', [0xff]],
  ['the beginning of a character', [0xc3]],
  ['the middle of a character', [0x80]],
  ['an overlong form', [0xc0, 0xaf]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['what is beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
]

/** A JSON text with bytes in the place of `?`. */
const withBytes = (value: unknown, bytes: readonly number[]): Buffer => {
  const [before = '', after = ''] = JSON.stringify(value).split('?')
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
}

test.each(noText)('a body with %s is refused, and nothing is made of it', async (_what, bytes) => {
  const details = { compartmentId: cloud.tenancyId, displayName: 'k?', keyShape: { algorithm: 'AES', length: 32 } }
  const at = { host: vaultId }
  const { status, body } = await cloud.call(cloud.a, 'POST', '/20180608/keys', withBytes(details, bytes), at)
  expect([status, body['message']]).toEqual([400, 'The body is not UTF-8.'])
  const policy = { compartmentId: cloud.tenancyId, name: 'p', description: 'd', statements: ['Allow any-user?'] }
  const made = await cloud.call(cloud.a, 'POST', '/20160918/policies', withBytes(policy, bytes))
  expect([made.status, made.body['message']]).toEqual([400, 'The body is not UTF-8.'])
  const keys = await cloud.call(cloud.a, 'GET', `/20180608/keys?compartmentId=${cloud.tenancyId}`, undefined, at)
  expect(keys.list.filter(({ displayName }) => String(displayName).startsWith('k'))).toEqual([])
})

test('a byte order mark is no JSON; U+FFFD itself is a character', async () => {
  const details = { compartmentId: cloud.tenancyId, displayName: 'x?', keyShape: { algorithm: 'AES', length: 32 } }
  const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(details))])
  const answer = await cloud.call(cloud.a, 'POST', '/20180608/keys', body, { host: vaultId })
  expect([answer.status, answer.body['message']]).toEqual([400, 'The body is not valid JSON.'])
  expect(await makeKey(cloud, vaultId, { displayName: '\ufffd' })).toMatchObject({ body: { displayName: '\ufffd' } })
})

test.each(noText)('a backup with %s is refused', async (_what, bytes) => {
  const file = withBytes({ format: 'x?' }, bytes)
  const target = `/20180608/keys/actions/restoreFromFile`
  const { status, body } = await cloud.call(cloud.a, 'POST', target, file, { host: vaultId })
  expect([status, body['message']]).toEqual([400, 'The body is not UTF-8; send the file as it was saved.'])
  const chunks = async function* () {
    yield file
  }
  await expect(boundedText(chunks(), 1000)).rejects.toThrow('What is there is no backup: it is not UTF-8.')
})

test('a backup is one text, wherever its bytes were parted', async () => {
  const chunks = async function* () {
    yield Uint8Array.from([0xc3])
    yield Uint8Array.from([0xbc])
  }
  expect(await boundedText(chunks(), 1000)).toBe('ü')
})

test.each([
  ['name=%ff', 'The query is not percent-encoded UTF-8.'],
  ['name=%c0%af', 'The query is not percent-encoded UTF-8.'],
  ['n%ffme=x', 'The query is not percent-encoded UTF-8.'],
  ['name=%', 'The query is not percent-encoded UTF-8.'],
  ['name=%zz', 'The query is not percent-encoded UTF-8.'],
  ['limit=10&limit=20', 'limit stands twice in the query; give each once.'],
  ['limit=10&l%69mit=10', 'limit stands twice in the query; give each once.'],
  ['foo=&x=1&foo', 'foo stands twice in the query; give each once.'],
  ['%0a=&%0a=', 'A parameter stands twice in the query; give each once.'],
  ['limit=010', 'limit must be a whole number from 1 to 1000.'],
])('the query %s is refused', async (query, message) => {
  const target = `/20160918/groups?compartmentId=${cloud.tenancyId}&${query}`
  const { status, body } = await cloud.call(cloud.a, 'GET', target)
  expect([status, body['message']]).toEqual([400, message])
})

test('a byte beyond ASCII stands in no query', () => {
  expect(() => parseQuery('name=\xc3\xbc')).toThrow('The query is not percent-encoded UTF-8.')
})

test('a query is read as forms write it', () => {
  expect(parseQuery('')).toEqual({})
  expect(parseQuery('a=1&&b=x+y%20z%2B&c&=d&e=%C3%BC=%26&__proto__=p')).toEqual(
    Object.fromEntries([
      ['a', '1'],
      ['b', 'x y z+'],
      ['c', ''],
      ['', 'd'],
      ['e', 'ü=&'],
      ['__proto__', 'p'],
    ]),
  )
})

test('a refused query is audited as it came', async () => {
  const target = `/20160918/groups?compartmentId=${cloud.tenancyId}`
  await cloud.call(cloud.a, 'GET', `${target}&limit=11&limit=12`)
  const { audit } = cloud.a.runtime
  if (audit instanceof GroupedAuditSink) await audit.flush()
  const now = new Date(cloud.clock.now)
  const [from, to] = [new Date(+now - 3_600_000).toISOString(), new Date(+now + 3_600_000).toISOString()]
  const events = `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&startTime=${from}&endTime=${to}`
  const { list } = await cloud.call(cloud.a, 'GET', events)
  expect(JSON.stringify(list)).toContain('"limit":["11","12"]')
})
