import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { fingerprint, readApiPublicKey } from '../../lib/iam/signature/fingerprint.ts'
import { parseKeyId } from '../../lib/iam/signature/keyId.ts'
import { keyId, rsaKey, tenancyId, userId } from './signer.ts'

/** RSA-2048; its fingerprint was computed with `openssl pkey -pubin -outform DER | openssl md5 -c`. */
const knownPem = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwiq61QeGspT2gvQ1PgAN
E/lbDCSFqVhyV/bALlvAEeZp7YcEh9tYkgH8sCz+dp+PP2+nG1bwmdfNNO+pri0n
RdRZrR2GiB8IBcv5Vtq5hXxg/66hVbFEeGyyeh8x9ypX9B86fLBsJweM0QedMCCn
sFxhymv3DNC9Grx5/8R/5w1Hpa4hskkdZKPEA0GNxPAbgAG+5QFeCzuPqQlygD70
8v54gLlf7YVKRBv4x3yxirLyWzwGJ3xxvBAzqaVWwHaz1az0G0ul/2ARHUOvpRz3
jKiIZgPS+c9nJ++uE13n/2tETmEZLCrjvFZMUXqlQdNGS2EDFPcpgvg9SG2043gI
8wIDAQAB
-----END PUBLIC KEY-----
`
const knownFingerprint = '9e:28:a2:ac:09:6e:a9:43:98:5a:be:ec:ae:9c:12:3e'

const refused = expect.objectContaining({ code: 'invalidParameter' }) as Error
const pem = rsaKey.publicKey.export({ type: 'spki', format: 'pem' }).toString()

test('a fingerprint is what openssl computes', () => {
  expect(fingerprint(createPublicKey(knownPem))).toBe(knownFingerprint)
  expect(fingerprint(readApiPublicKey(knownPem))).toBe(knownFingerprint)
})

test.each<[string, string]>([
  ['Unix line ends', pem],
  ['Windows line ends', pem.replaceAll('\n', '\r\n')],
  ['no newline at the end', pem.trimEnd()],
  ['blanks around', `\n\n  ${pem.replaceAll('\n', '\n  ')}\t`],
  ['one long line', pem.replace(/(?<!-)\n(?!-)/g, '')],
  ['a label after the block', `${pem}OCI_API_KEY`],
])('an API key with %s is read', (_form, text) => {
  expect(fingerprint(readApiPublicKey(text))).toBe(fingerprint(rsaKey.publicKey))
})

test.each<[string, string]>([
  ['nothing', ''],
  ['a private key', rsaKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
  ['a short RSA key', spkiPem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
  ['a key on a curve', spkiPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)],
  ['a key of exponent 1', spkiPem(ofExponent('AQ'))],
  ['a key of an even exponent', spkiPem(ofExponent('Ag'))],
  ['a PSS key', spkiPem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)],
  ['no key at all', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'],
  ['too long a text', pem + ' '.repeat(16_384)],
])('an API key that is %s is refused', (_form, text) => {
  expect(() => readApiPublicKey(text)).toThrow(refused)
})

const other = spkiPem(createPublicKey(knownPem))
test.each<[string, string]>([
  ['another key', pem + other],
  ['the same key again', pem + pem],
  ['a NUL', `${pem}\0`],
  ['a NUL and text', `${pem}\0${other}`],
  ['text', `${pem}Public-Key: (2048 bit)\n`],
  ['more than the label', `${pem}OCI_API_KEY OCI_API_KEY`],
  ['a certificate that is cut off', `${pem}-----BEGIN X509 CRL-----`],
])('an API key with %s behind its block is refused, and it is said what to send', (_form, text) => {
  expect(() => readApiPublicKey(text)).toThrow(/has something before or behind its block.* to its END line\.$/)
})

test('text before the block is refused as text behind it, and so are bytes behind the key within it', () => {
  expect(() => readApiPublicKey(`key = ${pem}`)).toThrow(/before or behind its block/)
  const der = rsaKey.publicKey.export({ type: 'spki', format: 'der' })
  const block = (bytes: Buffer) => `-----BEGIN PUBLIC KEY-----\n${bytes.toString('base64')}\n-----END PUBLIC KEY-----\n`
  expect(fingerprint(readApiPublicKey(block(der)))).toBe(fingerprint(rsaKey.publicKey))
  expect(() => readApiPublicKey(block(Buffer.concat([der, Buffer.alloc(3)])))).toThrow(refused)
})

test('a key id of an API key has three parts', () => {
  const print = `${'0a:'.repeat(15)}ff`
  expect(parseKeyId(keyId)).toEqual({ tenancyId, userId, fingerprint: print, name: `${userId}#${print}` })
})

test.each([
  '',
  'ST$eyJ',
  `${tenancyId}/fed-x509/0a:ff`,
  `${tenancyId}/fed-x509-sha256/${'0a:'.repeat(31)}ff`,
  `${tenancyId}/${userId}/${'0a:'.repeat(15)}FF`,
  `${tenancyId}/${userId}/${'0a:'.repeat(14)}ff`,
  `${userId}/${tenancyId}/${'0a:'.repeat(15)}ff`,
  `${keyId}/`,
  ` ${keyId}`,
])('%j is no API key id', (text) => {
  expect(parseKeyId(text)).toBeUndefined()
})

function spkiPem(key: ReturnType<typeof createPublicKey>): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

function ofExponent(e: string) {
  const { n = '' } = rsaKey.publicKey.export({ format: 'jwk' })
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
}
