import { fuzz } from './fuzz.ts'
import { hasSameMeaning } from './sameMeaning.ts'
import type { Sent } from './signedForm.ts'
import { fuzzStage, type FuzzStage } from './stage.ts'

/** Requests of each client's form, changed by a seed, before the real functions: a million by night (.ci/nightly). */

let stage: FuzzStage
beforeAll(async () => {
  stage = await fuzzStage()
})
afterAll(() => {
  stage.close()
})

test('every request that was not changed is taken for its signer’s', async () => {
  for (const original of stage.originals)
    expect(await stage.send(original)).toMatchObject({ caller: expect.stringMatching(/^ocid1\.user\./) as string })
})

test('of 20,000 changed requests none is taken for what nobody signed, none crashes, none answers 5xx', async () => {
  const { accepted, failures } = await fuzz(stage, 1, 20_000)
  expect(failures).toEqual([])
  // Else the others would prove nothing.
  expect(accepted).toBeGreaterThan(2000)
})

test.each<[string, (sent: Sent) => Sent]>([
  ['method', (sent) => ({ ...sent, method: 'GET' })],
  ['path', (sent) => ({ ...sent, path: `${sent.path}/` })],
  ['query', (sent) => ({ ...sent, query: 'a=b' })],
  ['body', (sent) => ({ ...sent, body: Buffer.from(`${sent.body.toString()} `) })],
  ['host', (sent) => ({ ...sent, headers: { ...sent.headers, host: 'other' } })],
])('the oracle tells another %s', (_what, change) => {
  const original = stage.originals.find(({ method }) => method === 'POST')
  if (original === undefined) throw new Error('There are some.')
  expect(hasSameMeaning(original, original)).toBe(true)
  expect(hasSameMeaning({ ...original, headers: { ...original.headers, 'x-more': 'a' } }, original)).toBe(true)
  expect(hasSameMeaning(change(original), original)).toBe(false)
})
