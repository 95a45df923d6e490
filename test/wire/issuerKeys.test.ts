import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { FetchedIssuerKeys } from '../../lib/runtime/fetchedIssuerKeys.ts'
import { keyServer, oidcIssuer } from '../harness/oidcIssuer.ts'

/** Where an issuer's keys are fetched, how often, and what is taken. */

const { jwks } = oidcIssuer()
const answer: { status?: number; text: string } = { text: '' }
const clock = { now: 1_000_000 }
let server: Awaited<ReturnType<typeof keyServer>>
let keys: FetchedIssuerKeys
beforeAll(async () => {
  server = await keyServer(answer)
})
beforeEach(() => {
  answer.status = 200
  answer.text = JSON.stringify(jwks)
  server.asked.times = 0
  keys = new FetchedIssuerKeys([server.host], () => clock.now)
})
afterAll(() => server.close())

const unavailable = expect.objectContaining({ code: 'unavailable' }) as Error

test('a set is used for ten minutes, then fetched anew; many at once ask once', async () => {
  const [first] = await Promise.all([keys.at(server.uri), keys.at(server.uri), keys.at(server.uri)])
  expect(first).toEqual(jwks)
  clock.now += 9 * 60_000
  await keys.at(server.uri)
  expect(server.asked.times).toBe(1)
  clock.now += 2 * 60_000
  await keys.at(server.uri)
  expect(server.asked.times).toBe(2)
})

test('for a key that is not in it a set is fetched anew, twice a minute at most', async () => {
  await keys.at(server.uri)
  await keys.at(server.uri, true)
  expect(server.asked.times).toBe(1)
  clock.now += 31_000
  for (let round = 0; round < 5; round += 1) await keys.at(server.uri, true)
  expect(server.asked.times).toBe(2)
})

test('while the place does not answer the last set serves on, for a day', async () => {
  await keys.at(server.uri)
  answer.status = 500
  clock.now += 23 * 3_600_000
  expect(await keys.at(server.uri)).toEqual(jwks)
  clock.now += 2 * 3_600_000
  await expect(keys.at(server.uri)).rejects.toThrow(unavailable)
})

test.each([
  ['an error', { status: 503, text: JSON.stringify(jwks) }],
  ['a redirect', { status: 302, text: '' }],
  ['no JSON', { text: '<html>' }],
  ['no usable key', { text: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}' }],
  ['more than 64 KiB', { text: JSON.stringify({ ...jwks, more: 'x'.repeat(70_000) }) }],
])('%s is no set, and the place is not asked again at once', async (_what, given) => {
  Object.assign(answer, given)
  await expect(keys.at(server.uri)).rejects.toThrow(unavailable)
  await expect(keys.at(server.uri)).rejects.toThrow(unavailable)
  expect(server.asked.times).toBe(1)
})

test('a place that never answers is left after a while', async () => {
  const silent = createServer(() => undefined)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const impatient = new FetchedIssuerKeys([host], () => clock.now, 50)
  await expect(impatient.at(`http://${host}/`)).rejects.toThrow(unavailable)
  silent.closeAllConnections()
  await new Promise((resolve) => silent.close(resolve))
})

test.each([
  ['a host that nobody has allowed', 'https://169.254.169.254/latest/meta-data'],
  ['another port', 'http://127.0.0.1:1/keys'],
  ['http to a host that is not this machine', 'http://www.googleapis.com/oauth2/v3/certs'],
  ['credentials', 'https://user:word@www.googleapis.com/oauth2/v3/certs'],
  ['a file', 'file:///etc/passwd'],
  ['no URL', 'keys'],
])('%s is not asked', async (_what, uri) => {
  expect(() => {
    keys.requireAllowed(uri)
  }).toThrow(expect.objectContaining({ code: 'invalidParameter' }) as Error)
  await expect(keys.at(uri)).rejects.toThrow(expect.objectContaining({ code: 'invalidParameter' }) as Error)
})

test("GitHub's, GitLab's and Google's keys may be fetched without anybody's word", () => {
  for (const uri of [
    'https://token.actions.githubusercontent.com/.well-known/jwks',
    'https://gitlab.com/oauth/discovery/keys',
    'https://www.googleapis.com/oauth2/v3/certs',
  ])
    keys.requireAllowed(uri)
})
