import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { fingerprint } from '../../../lib/iam/signature/fingerprint.ts'
import { appendIdentity } from '../../../lib/kms/identity/identityLog.ts'
import { identitySk } from '../../../lib/kms/identity/identityRows.ts'
import { headSeq } from '../../../lib/kms/identity/verifyIdentity.ts'
import { newOcid } from '../../../lib/ocid.ts'
import { openStage, withoutId, type Case, type Stage } from './stage.ts'

/** Why a signature is refused: the log says it, and every answer 401 is byte for byte the same. */

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => {
  stage.cloud.close()
})

const print = Array(16).fill('ab').join(':')

interface Parts {
  readonly keyId?: string
  readonly algorithm?: string
  readonly headers?: string
  readonly signature?: string
}

function authorization({
  keyId = `${stage.cloud.tenancyId}/ocid1.user.oc1..aaaa/${print}`,
  algorithm = 'rsa-sha256',
  headers = 'date (request-target) host',
  signature = 'AAAA',
}: Parts): Record<string, string> {
  const text = `Signature version="1",keyId="${keyId}",algorithm="${algorithm}",headers="${headers}",signature="${signature}"`
  return { authorization: text }
}

const getVault = (id: string, headers: Record<string, string>, signedAt = stage.cloud.clock.now) =>
  stage.cloud.call(stage.cloud.a, 'GET', `/20180608/vaults/${id}`, undefined, { headers, signedAt })
const listed = (headers: Record<string, string>) => getVault('v', headers)
const created = (headers: Record<string, string>) =>
  stage.cloud.call(stage.cloud.a, 'POST', '/20180608/vaults', { displayName: 'v' }, { headers })

/** An API key that is on a curve: no service takes it, and a row might have it all the same. */
async function addUnfitUser(): Promise<string> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const [userId, print] = [newOcid(randomBytes, 'user'), fingerprint(createPublicKey(pem))]
  await appendIdentity(stage.cloud.a.runtime, stage.cloud.tenancyId, {
    after: await headSeq(stage.cloud.a.runtime, stage.cloud.tenancyId),
    puts: [
      { sk: identitySk.user(userId), kind: 'user', id: userId, name: 'unfit' },
      { sk: identitySk.apiKey(userId, print), kind: 'apiKey', userId, fingerprint: print, publicKey: pem },
    ],
  })
  return `${stage.cloud.tenancyId}/${userId}/${print}`
}

const unsigned: readonly Case[] = [
  {
    name: 'noAuthorization',
    why: 'no Authorization header',
    call: () => listed({ authorization: undefined as never }),
  },
  { name: 'authorizationMalformed', why: 'Authorization', call: () => listed({ authorization: 'Basic cm9vdDpyb290' }) },
  { name: 'algorithmUnknown', why: 'rsa-sha256', call: () => listed(authorization({ algorithm: 'hmac' })) },
  { name: 'headersNotSigned', why: '(request-target) host', call: () => listed(authorization({ headers: 'date' })) },
  {
    name: 'headersNotSigned',
    why: 'content-length content-type x-content-sha256',
    call: () => created(authorization({})),
  },
  {
    name: 'headersListUnreadable',
    why: 'twice',
    call: () => listed(authorization({ headers: 'date date (request-target) host' })),
  },
  {
    name: 'signedHeaderMissing',
    why: 'x-gone',
    call: () => listed(authorization({ headers: 'date (request-target) host x-gone' })),
  },
  {
    name: 'signedHeaderUnprintable',
    why: 'x-odd',
    call: () => listed({ ...authorization({ headers: 'date (request-target) host x-odd' }), 'x-odd': 'a\nb' }),
  },
  { name: 'dateUnreadable', why: 'date', call: () => listed({ date: 'yesterday' }) },
  { name: 'bodyLengthDiffers', why: 'content-length', call: () => created({ 'content-length': '7' }) },
  { name: 'bodyHashDiffers', why: 'x-content-sha256', call: () => created({ 'x-content-sha256': 'AAAA' }) },
  { name: 'signatureMalformed', why: 'base64', call: () => listed(authorization({ signature: 'A' })) },
  { name: 'keyIdMalformed', why: 'TENANCY/USER/FINGERPRINT', call: () => listed(authorization({ keyId: 'me' })) },
  {
    name: 'noSuchTenancy',
    why: 'ocid1.tenancy.oc1..none',
    call: () => listed(authorization({ keyId: `ocid1.tenancy.oc1..none/ocid1.user.oc1..u/${print}` })),
  },
  { name: 'noSuchApiKey', why: 'ocid1.user.oc1..aaaa', call: () => listed(authorization({})) },
  {
    name: 'apiKeyUnfit',
    why: 'none for signing',
    call: async () => listed(authorization({ keyId: await addUnfitUser() })),
  },
  {
    name: 'signatureDiffers',
    why: 'signature does not match these headers: date (request-target) host',
    call: () => listed({ date: new Date(stage.cloud.clock.now - 9000).toUTCString() }),
  },
]

test.each(unsigned)('of $name the log tells and the answer 401 does not', async (each) => {
  const reference = await listed({ authorization: undefined as never })
  expect(reference.status).toBe(401)
  expect(withoutId(await stage.expectReason(each))).toEqual(withoutId(reference))
})

test('a date that is off is told to who can sign, and to the log in seconds', async () => {
  const signedAt = stage.cloud.clock.now - 602_000
  const call = () => getVault('v', {}, signedAt)
  const answer = await stage.expectReason({ name: 'dateOff', why: 'date off by 602 s', call })
  expect(answer.body['message']).toContain("Set your machine's clock.")
})

test('every kind has been driven', () => {
  stage.expectAll('authentication')
})
