import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto'
import type { EcdsaSigning, RsaSigning, SigningHash } from '../../lib/hsm/algorithms.ts'
import { isEcdsaSignature } from '../../lib/hsm/primitives/ecdsa.ts'
import { isRsaSignature, rsaDecrypt, rsaEncrypt, rsaSign } from '../../lib/hsm/primitives/rsa.ts'
import { coded } from './contract/fixtures.ts'
import { wrongAnswers, wycheproof } from './contract/wycheproof.ts'

const signingHashes = { 'SHA-224': 'sha224', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const

test.each([
  ['rsa_oaep_2048_sha1_mgf1sha1', 'sha1'],
  ['rsa_oaep_2048_sha256_mgf1sha256', 'sha256'],
  ['rsa_oaep_3072_sha256_mgf1sha256', 'sha256'],
  ['rsa_oaep_4096_sha256_mgf1sha256', 'sha256'],
] as const)('OAEP decrypts exactly the valid vectors of %s', async (file, oaepHash) => {
  const wrong = await wrongAnswers(file, async (vector, group) => {
    const decrypted = await rsaDecrypt(createPrivateKey(group.text('privateKeyPem')), oaepHash, vector.bytes('ct'))
    return decrypted?.equals(vector.bytes('msg')) === true
  })
  expect(wrong).toEqual([])
})

test('OAEP decrypts what it encrypted, up to the limit of the modulus', async () => {
  const privateKey = createPrivateKey(wycheproof('rsa_oaep_2048_sha256_mgf1sha256')[0]?.text('privateKeyPem') ?? '')
  const publicKey = createPublicKey(privateKey)
  for (const [oaepHash, limit] of [['sha1', 214] as const, ['sha256', 190] as const]) {
    const plaintext = Buffer.alloc(limit, 7)
    expect(await rsaDecrypt(privateKey, oaepHash, rsaEncrypt(publicKey, oaepHash, plaintext))).toEqual(plaintext)
    const tooLong = () => rsaEncrypt(publicKey, oaepHash, Buffer.alloc(limit + 1))
    expect(tooLong).toThrow(coded('invalidParameter'))
    expect(tooLong).toThrow(`at most ${limit} bytes`)
  }
})

test.each([2048, 3072, 4096])('PKCS#1 v1.5 signs the RSA-%i vectors to the published bytes', async (bits) => {
  let count = 0
  const wrong: string[] = []
  for (const group of wycheproof(`rsa_pkcs1_${bits}_sig_gen`)) {
    const signingHash = signingHashes[group.text('sha') as keyof typeof signingHashes] as SigningHash | undefined
    if (signingHash === undefined) continue // SHA-1, which the API does not have
    const row: RsaSigning = { family: 'RSA', padding: 'PKCS1', hash: signingHash }
    const key = createPrivateKey(group.text('privateKeyPem'))
    for (const vector of group.vectors) {
      count++
      const ofMessage = await rsaSign(key, row, 'RAW', vector.bytes('msg'))
      const ofDigest = await rsaSign(key, row, 'DIGEST', hash(signingHash, vector.bytes('msg'), 'buffer'))
      const isRight = ofMessage.equals(vector.bytes('sig')) && ofDigest.equals(ofMessage)
      if (isRight !== vector.isAccepted) wrong.push(`${vector.tcId} ${vector.comment}`)
    }
  }
  expect(wrong).toEqual([])
  expect(count).toBeGreaterThan(15)
})

test.each([
  ...[
    'rsa_signature_2048_sha224',
    'rsa_signature_2048_sha256',
    'rsa_signature_2048_sha384',
    'rsa_signature_2048_sha512',
  ],
  ...['rsa_signature_3072_sha256', 'rsa_signature_3072_sha384', 'rsa_signature_3072_sha512'],
  ...['rsa_signature_4096_sha256', 'rsa_signature_4096_sha384', 'rsa_signature_4096_sha512'],
])('PKCS#1 v1.5 verifies exactly the valid vectors of %s, by message and by digest', async (file) => {
  expect(await wrongRsaAnswers(file, 'PKCS1')).toEqual([])
})

test.each([
  ...['rsa_pss_2048_sha256_mgf1_32', 'rsa_pss_2048_sha384_mgf1_48', 'rsa_pss_2048_sha256_mgf1_0'],
  ...['rsa_pss_3072_sha256_mgf1_32', 'rsa_pss_4096_sha256_mgf1_32'],
  ...['rsa_pss_4096_sha384_mgf1_48', 'rsa_pss_4096_sha512_mgf1_64'],
])('PSS verifies exactly the valid vectors of %s, by message and by digest', async (file) => {
  expect(await wrongRsaAnswers(file, 'PSS')).toEqual([])
})

const ecdsaFiles = [
  ['ecdsa_secp256r1_sha256', { family: 'ECDSA', curveId: 'NIST_P256', hash: 'sha256' }],
  ['ecdsa_secp384r1_sha384', { family: 'ECDSA', curveId: 'NIST_P384', hash: 'sha384' }],
  ['ecdsa_secp521r1_sha512', { family: 'ECDSA', curveId: 'NIST_P521', hash: 'sha512' }],
] as const satisfies readonly (readonly [string, EcdsaSigning])[]

test.each(ecdsaFiles)('ECDSA verifies exactly the valid vectors of %s', async (file, row) => {
  const wrong = await wrongAnswers(file, (vector, group) =>
    isEcdsaSignature(publicKeyOf(group), row, 'RAW', vector.bytes('msg'), vector.bytes('sig')),
  )
  expect(wrong).toEqual([])
})

// Sampled: a verification over a digest is JavaScript and takes up to 15 ms.
test.each(ecdsaFiles)('ECDSA over a digest agrees on a sample of %s', async (file, row) => {
  let count = 0
  const wrong = await wrongAnswers(
    file,
    (vector, group) => {
      count++
      const digest = hash(row.hash, vector.bytes('msg'), 'buffer')
      return isEcdsaSignature(publicKeyOf(group), row, 'DIGEST', digest, vector.bytes('sig'))
    },
    ({ tcId }) => tcId % 4 === 0,
  )
  expect(wrong).toEqual([])
  expect(count).toBeGreaterThan(50)
})

function wrongRsaAnswers(file: string, padding: RsaSigning['padding']): Promise<string[]> {
  return wrongAnswers(file, (vector, group) => {
    const row: RsaSigning = {
      family: 'RSA',
      padding,
      hash: signingHashes[group.text('sha') as keyof typeof signingHashes],
    }
    const digest = hash(row.hash, vector.bytes('msg'), 'buffer')
    const byMessage = isRsaSignature(publicKeyOf(group), row, 'RAW', vector.bytes('msg'), vector.bytes('sig'))
    const byDigest = isRsaSignature(publicKeyOf(group), row, 'DIGEST', digest, vector.bytes('sig'))
    // Where the two disagree neither is right, whatever the vector says.
    return byMessage === byDigest ? byMessage : !vector.isAccepted
  })
}

function publicKeyOf(group: { text(name: string): string }): KeyObject {
  return createPublicKey(group.text('publicKeyPem'))
}
