import { createPublicKey } from 'node:crypto'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'

/** What a session may not be made with, and what it may not do. */

let cloud: TestCloud
beforeAll(async () => {
  cloud = await twoRegions()
})
afterAll(() => {
  cloud.close()
})

const longKey = createPublicKey({
  key: { kty: 'RSA', n: Buffer.alloc(513, 0xff).toString('base64url'), e: 'AQAB' },
  format: 'jwk',
}).export({ type: 'spki', format: 'pem' })

test.each([
  ['a private key', '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----', /private key/],
  ['a key that fills the header', longKey, /2048 to 4096 bits .*this one has 4104 bits/],
])('the refusal of %s names the member and the limit that hold for sessions', async (_what, publicKey, says) => {
  const answer = await cloud.call(cloud.a, 'POST', '/20160918/sessionTokens', { publicKey })
  expect(answer).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
  expect(answer.body['message']).toMatch(/^publicKey must be /)
  expect(answer.body['message']).toMatch(says)
})
