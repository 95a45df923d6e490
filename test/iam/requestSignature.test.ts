import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  isSignedBy,
  readSignature,
  notAuthenticated,
  signatureRefusal,
  type SignedRequest,
} from '../../lib/iam/signature/requestSignature.ts'
import { type DialectName, dialects } from './dialects.ts'
import { aSignedRequest, isAccepted, keyId, now, refused, rsaKey, withHeader } from './signer.ts'

const names = Object.keys(dialects) as DialectName[]

describe.each(names)('a request signed as %s does', (dialect) => {
  test.each(['GET', 'HEAD', 'DELETE', 'POST', 'PUT'])('is accepted with %s', (method) => {
    const request = aSignedRequest({ dialect, method })
    expect(readSignature(request, now).keyId).toBe(keyId)
    expect(isAccepted(request)).toBe(true)
  })

  test('is accepted with an empty body', () => {
    const request = aSignedRequest({ dialect, body: '' })
    expect(request.headers['x-content-sha256']).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
    expect(isAccepted(request)).toBe(true)
  })

  test.each<[string, Partial<SignedRequest>]>([
    ['method', { method: 'PUT' }],
    ['path', { target: '/20180608/keyz' }],
    ['query', { target: '/20180608/keys?limit=1' }],
    ['leading slashes', { target: '//20180608/keys' }],
  ])('is refused when its %s is another', (_part, change) => {
    expect(isAccepted({ ...aSignedRequest({ dialect }), ...change })).toBe(false)
  })

  test.each(['host', 'content-type', 'content-length', 'x-content-sha256', dialects[dialect].date])(
    'is refused when %s is changed or missing',
    (name) => {
      const request = aSignedRequest({ dialect })
      const value = name.endsWith('date') ? new Date(now - 1000).toUTCString() : 'other'
      expect(isAccepted(withHeader(request, name, value))).toBe(false)
      expect(isAccepted(withHeader(request, name, undefined))).toBe(false)
    },
  )

  test('is refused when any byte of its body is changed', () => {
    const request = aSignedRequest({ dialect })
    for (let index = 0; index < request.body.length; index++) {
      const body = Uint8Array.from(request.body)
      body[index] = (body[index] ?? 0) ^ 1
      expect(() => readSignature({ ...request, body }, now)).toThrow(refused)
    }
  })
})

test.each(['(request-target)', 'host', 'x-date', 'content-length', 'content-type', 'x-content-sha256'])(
  'a POST that does not sign %s is refused',
  (missing) => {
    const all = ['x-date', '(request-target)', 'host', 'content-length', 'content-type', 'x-content-sha256']
    const signedHeaders = all.filter((name) => name !== missing).join(' ')
    expect(() => readSignature(aSignedRequest({ signedHeaders }), now)).toThrow(refused)
  },
)

test.each(['(request-target)', 'host', 'x-date'])('a GET that does not sign %s is refused', (missing) => {
  const signedHeaders = ['x-date', '(request-target)', 'host'].filter((name) => name !== missing).join(' ')
  expect(() => readSignature(aSignedRequest({ method: 'GET', signedHeaders }), now)).toThrow(refused)
})

test('a method nobody listed must sign its body', () => {
  expect(() => readSignature(aSignedRequest({ method: 'OPTIONS' }), now)).toThrow(refused)
})

test('a body on a GET must be signed, and then it is accepted', () => {
  const request = aSignedRequest({ method: 'GET' })
  expect(() => readSignature({ ...request, body: Buffer.from('{}') }, now)).toThrow(refused)
  const { headers } = aSignedRequest({ body: '{}' })
  const signed = aSignedRequest({
    method: 'GET',
    body: '{}',
    signedHeaders: 'x-date (request-target) host content-length content-type x-content-sha256',
    extraHeaders: { 'content-length': '2', 'x-content-sha256': headers['x-content-sha256'] ?? '' },
  })
  expect(isAccepted(signed)).toBe(true)
})

test('signing more than is required is accepted, and what is signed cannot be changed', () => {
  const request = aSignedRequest({
    signedHeaders: 'x-date (request-target) host content-length content-type x-content-sha256 opc-obo-token',
    extraHeaders: { 'opc-obo-token': 'token' },
  })
  expect(isAccepted(request)).toBe(true)
  expect(isAccepted(withHeader(request, 'opc-obo-token', 'other'))).toBe(false)
  expect(isAccepted(withHeader(request, 'opc-obo-token', undefined))).toBe(false)
})

test('headers outside the signature may change', () => {
  expect(isAccepted(withHeader(aSignedRequest(), 'user-agent', 'proxy'))).toBe(true)
})

describe('the date', () => {
  test.each([
    [-300_000, true],
    [300_000, true],
    [-301_000, false],
    [301_000, false],
  ])('signed %d ms away from the clock: accepted is %s', (skewMs, accepted) => {
    expect(isAccepted(aSignedRequest({ signedAt: now + skewMs }))).toBe(accepted)
    expect(isAccepted(aSignedRequest({ dialect: 'go', signedAt: now + skewMs }))).toBe(accepted)
  })

  test('is judged to the millisecond of the server', () => {
    expect(isAccepted(aSignedRequest(), rsaKey.publicKey, now + 300_000)).toBe(true)
    expect(isAccepted(aSignedRequest(), rsaKey.publicKey, now + 300_001)).toBe(false)
  })

  test('that is not signed says nothing', () => {
    expect(isAccepted(withHeader(aSignedRequest(), 'date', 'long ago'))).toBe(true)
    const old = aSignedRequest({ signedAt: now - 600_000 })
    expect(isAccepted(withHeader(old, 'date', new Date(now).toUTCString()))).toBe(false)
  })

  test.each([
    '',
    'now',
    '2026-03-05T12:00:00Z',
    'Thu, 05 Mar 2026 12:00:00 UTC',
    'Thu, 5 Mar 2026 12:00:00 GMT',
    'Thu, 05 mar 2026 12:00:00 GMT',
    'Thursday, 05-Mar-26 12:00:00 GMT',
    'Thu, 05 Mar 2026 12:00:0x GMT',
    'Thu, 05 arF 2026 12:00:00 GMT',
    'Thu, 05 Mar 2026 12:00:00 GMT ',
  ])('%j is refused', (date) => {
    expect(isAccepted(aSignedRequest({ extraHeaders: { 'x-date': date } }))).toBe(false)
  })
})

describe('the key', () => {
  const signature = readSignature(aSignedRequest(), now)

  test('of somebody else is refused', () => {
    expect(isSignedBy(signature, generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)).toBe(false)
  })

  test('of 1024 bits is refused although it signed', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const request = aSignedRequest({ privateKey: short.privateKey })
    expect(isSignedBy(readSignature(request, now), short.publicKey)).toBe(false)
  })

  test('on a curve is refused although it signed', () => {
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const request = aSignedRequest({ privateKey: curve.privateKey })
    expect(isSignedBy(readSignature(request, now), curve.publicKey)).toBe(false)
  })

  test('of exponent 1, under which everybody can sign, is refused', () => {
    const { n = '' } = rsaKey.publicKey.export({ format: 'jwk' })
    for (const e of ['AQ', 'Ag'])
      expect(isSignedBy(signature, createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }))).toBe(false)
  })

  test('for PSS only, or private, is refused', () => {
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
    expect(isSignedBy(signature, pss.publicKey)).toBe(false)
    expect(isSignedBy(signature, rsaKey.privateKey)).toBe(false)
  })
})

test('another spelling of the target is tried after the raw one', () => {
  const wire = '/20160918/users/u/apiKeys/0a%3Aff'
  const decoded = '/20160918/users/u/apiKeys/0a:ff'
  const request = aSignedRequest({ method: 'DELETE', target: wire })
  expect(isAccepted({ ...request, target: decoded })).toBe(false)
  expect(isAccepted({ ...request, target: decoded, alternativeTargets: [wire] })).toBe(true)
  expect(isAccepted({ ...request, alternativeTargets: ['/other'] })).toBe(true)
  expect(isAccepted({ ...request, target: decoded, alternativeTargets: ['/other'] })).toBe(false)
})

const refusalOf = (signature: ReturnType<typeof readSignature>, publicKey: KeyObject) =>
  signatureRefusal(signature, publicKey, { userId: 'u', now })

describe('a clock that is wrong', () => {
  const signedAt = now - 6 * 60_000
  const late = () => readSignature(aSignedRequest({ signedAt }), now)

  test('is told to the holder of the key, with both times', () => {
    expect(isSignedBy(late(), rsaKey.publicKey)).toBe(false)
    expect(refusalOf(late(), rsaKey.publicKey)).toMatchObject({
      code: 'notAuthenticated',
      reason: { name: 'dateOff', seconds: 360 },
      message: `The request is dated ${new Date(signedAt).toUTCString()} and the clock here says ${new Date(now).toUTCString()}; they may differ by 5 minutes. Set your machine's clock.`,
    })
  })

  test('is told to nobody else, and nobody is told of one that is right', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    const { message } = notAuthenticated({ name: 'noAuthorization' })
    const reason = { name: 'signatureDiffers' }
    expect(refusalOf(late(), other)).toMatchObject({ message, reason })
    expect(refusalOf(readSignature(aSignedRequest(), now), other)).toMatchObject({ message, reason })
  })
})

test('a length that is signed must be the body’s, also where the method needs none', () => {
  const extraHeaders = { 'content-length': '5' }
  const signedHeaders = 'x-date (request-target) host content-length'
  const request = aSignedRequest({ method: 'GET', extraHeaders, signedHeaders })
  expect(() => readSignature(request, now)).toThrow(refused)
  const none = aSignedRequest({ method: 'GET', extraHeaders: { 'content-length': '0' }, signedHeaders })
  expect(isAccepted(none)).toBe(true)
})
