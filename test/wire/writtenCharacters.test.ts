import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import type { PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import { tenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** Which characters texts may have that are shown to people, in lists, logs and terminals. */

let cloud: TestCloud
let vaultId: string
let keyId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
})
afterAll(() => {
  cloud.close()
})

const change = async (details: object) =>
  (await cloud.call(cloud.a, 'PUT', `/20180608/keys/${keyId}`, details, { host: vaultId })).status

const uses: Record<string, (text: string) => Promise<number>> = {
  'a name': (text) => change({ displayName: text }),
  'the key of a freeform tag': (text) => change({ freeformTags: { [text]: 'x' } }),
  'the namespace of a defined tag': (text) => change({ definedTags: { [text]: { k: 'x' } } }),
  'the key of a defined tag': (text) => change({ definedTags: { n: { [text]: 'x' } } }),
  'the value of a freeform tag': (text) => change({ freeformTags: { k: text } }),
  'the value of a defined tag': (text) => change({ definedTags: { n: { k: text } } }),
  'a description': async (text) => {
    const groups = `/20160918/groups?compartmentId=${cloud.tenancyId}`
    const id = String((await cloud.call(cloud.a, 'GET', groups)).list[0]?.['id'])
    return (await cloud.call(cloud.a, 'PUT', `/20160918/groups/${id}`, { description: text })).status
  },
  'a statement': async (text) => {
    const statements = [`Allow any-user to inspect keys in tenancy where request.principal.name = '${text}'`]
    const details = { compartmentId: cloud.tenancyId, name: `p${Math.random()}`, description: 'd', statements }
    return (await cloud.call(cloud.a, 'POST', '/20160918/policies', details)).status
  },
}
const names = Object.keys(uses).slice(0, 4)
const all = Object.keys(uses)
/** Statements take them between words, but not in what is quoted. */
const oneLine = all.filter((use) => use !== 'a description')

const rows: readonly [string, readonly string[], readonly string[]][] = [
  ['controls', ['a\0b', 'a\x1b[2Jb', '\x7f', 'a\x85b', 'a\x9bb'], all],
  ['tabs and line ends', ['a\tb', 'a\nb', 'a\r\nb'], oneLine],
  ['what turns the line', ['a\u202eb', 'a\u202ab', 'a\u2066b', 'a\u2069b'], all],
  ['what has no width', ['a\u200bb', 'a\u200eb', 'a\u200fb', 'a\u2060b', '\ufeffa'], names],
  ['line separators', ['a\u2028b', 'a\u2029b'], names],
  ['joiners that join nothing', ['\u200da', 'a\u200c', 'a \u200db', 'a\u200d\u200db'], names],
  ['joiners that join', ['\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645', '\u{1f468}\u200d\u{1f469}'], []],
  ['letters and emoji', ['ü', 'e\u0301', '日本', 'עברית', '\u{1f511}'], []],
]

test.each(rows.flatMap(([what, texts, refusedIn]) => all.map((use) => [what, use, texts, refusedIn] as const)))(
  '%s in %s',
  async (_what, use, texts, refusedIn) => {
    const expected = refusedIn.includes(use) ? 400 : 200
    for (const text of texts)
      expect([JSON.stringify(text), await uses[use]?.(text)]).toEqual([JSON.stringify(text), expected])
  },
)

test('what an older version stored with such characters is shown as it is', async () => {
  const { runtime } = cloud.a
  const { seq, rows: stored } = await tenancyState(runtime, cloud.tenancyId)
  const [policy] = [...stored.values()].filter((row): row is typeof row & PolicyRow => row.kind === 'policy')
  const description = 'a\x1b\u202eb'
  await appendIdentity(runtime, cloud.tenancyId, { after: seq, puts: [{ ...policy, description } as PolicyRow] })
  const { body } = await cloud.call(cloud.a, 'GET', `/20160918/policies/${policy?.id ?? ''}`)
  expect(body).toMatchObject({ description })
})
