import { createPrivateKey, createPublicKey, createSecretKey, hash, type KeyObject } from 'node:crypto'
import { keysOf } from '../../keysOf.ts'
import {
  curves,
  encryptionAlgorithms,
  keyLengths,
  signingAlgorithms,
  type EcdsaSigning,
  type RsaSigning,
} from '../algorithms.ts'
import { Cmac } from '../primitives/cmac.ts'
import { ecdsaSign, isEcdsaSignature } from '../primitives/ecdsa.ts'
import { decryptWith } from '../formats/ciphertext.ts'
import type { HsmCapabilities } from '../hsm.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { isRsaSignature, rsaDecrypt, rsaSign } from '../primitives/rsa.ts'
import { deriveWith } from '../primitives/xaes.ts'
import { ecdsaAnswers, ciphertexts, message, rsaAnswers } from './knownAnswers.ts'

const shapes = [
  ...keyLengths.AES.map((length) => `AES_${length * 8}`),
  ...keyLengths.RSA.map((length) => `RSA_${length * 8}`),
  ...keysOf(curves).map((curveId) => `ECDSA_${curveId}`),
]

export const simulatedName = 'simulated HSM (software)'

/** A known answer for each algorithm in some 20 ms. @throws Error naming what failed. */
export async function runSelfTest(): Promise<HsmCapabilities> {
  testCmac()
  testKeyWrap()
  testCiphertext()
  const privateKey = keyFrom(rsaAnswers.privateKey)
  await testOaep(privateKey)
  await testRsaAnswers(createPublicKey(privateKey), privateKey)
  // Together, so that the thread pool signs several at a time.
  await Promise.all(
    Object.values(signingAlgorithms).map((row) =>
      row.family === 'RSA' ? testRsaSigning(privateKey, row) : testEcdsa(row),
    ),
  )
  return { name: simulatedName, isSimulated: true, shapes }
}

function expectThat(isTrue: boolean, what: string): asserts isTrue {
  if (!isTrue) throw new Error(`The HSM's self test failed: ${what} gave a wrong answer.`)
}

/** RFC 4493, examples 1 and 2. */
function testCmac(): void {
  const cmac = new Cmac(secretKey('2b7e151628aed2a6abf7158809cf4f3c'))
  const block = Buffer.from('6bc1bee22e409f96e93d7e117393172a', 'hex')
  const expected = '070a16b46b4d4144f79bdd9dd04a287c'
  expectThat(cmac.tag(Buffer.alloc(0)).toString('hex') === 'bb1d6929e95937287fa37d129b756746', 'AES-CMAC')
  expectThat(cmac.tag(block).toString('hex') === expected, 'AES-CMAC')
  expectThat(cmac.tagsOfBlocks(block).toString('hex') === expected, 'AES-CMAC')
}

/** RFC 5649, section 6. */
function testKeyWrap(): void {
  const kek = secretKey('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8')
  const wrapped = '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a'
  const material = Buffer.from('c37b7e6492584340bed12207808941155068f738', 'hex')
  expectThat(wrapKey(kek, material).toString('hex') === wrapped, 'AES-KWP')
  expectThat(unwrapKey(kek, Buffer.from(wrapped, 'hex'))?.equals(material) === true, 'AES-KWP')
}

function testCiphertext(): void {
  const { materialId, associatedData, byKeyLength } = ciphertexts
  for (const length of keyLengths.AES) {
    const derive = deriveWith(new Cmac(createSecretKey(Buffer.alloc(length, 7))))
    const ciphertext = Buffer.from(byKeyLength[length], 'base64')
    const plaintext = decryptWith({ length, materialId, derive }, ciphertext, associatedData)
    expectThat(plaintext.equals(message), `AES-${length * 8}`)
  }
}

async function testOaep(privateKey: KeyObject): Promise<void> {
  for (const row of Object.values(encryptionAlgorithms)) {
    if (row.family !== 'RSA') continue
    const { hash: oaepHash } = row
    const plaintext = await rsaDecrypt(privateKey, oaepHash, Buffer.from(rsaAnswers.oaep[oaepHash], 'base64'))
    expectThat(plaintext?.equals(message) === true, `RSA-OAEP ${oaepHash}`)
  }
}

async function testRsaAnswers(publicKey: KeyObject, privateKey: KeyObject): Promise<void> {
  const { SHA_256_RSA_PKCS1_V1_5: pkcs1, SHA_256_RSA_PKCS_PSS: pss } = signingAlgorithms
  const signature = await rsaSign(privateKey, pkcs1, 'RAW', message)
  expectThat(signature.toString('base64') === rsaAnswers.pkcs1Sha256, 'RSA PKCS#1')
  expectThat(isRsaSignature(publicKey, pss, 'RAW', message, Buffer.from(rsaAnswers.pssSha256, 'base64')), 'RSA PSS')
}

/** Signs by one way and verifies by the other: OpenSSL's padding against the one written here. */
async function testRsaSigning(privateKey: KeyObject, row: RsaSigning): Promise<void> {
  const publicKey = createPublicKey(privateKey)
  const digest = hash(row.hash, message, 'buffer')
  const what = `RSA ${row.padding} ${row.hash}`
  const ofMessage = await rsaSign(privateKey, row, 'RAW', message)
  expectThat(isRsaSignature(publicKey, row, 'DIGEST', digest, ofMessage), what)
  const ofDigest = await rsaSign(privateKey, row, 'DIGEST', digest)
  expectThat(isRsaSignature(publicKey, row, 'RAW', message, ofDigest), what)
}

/** RAW only: DIGEST is JavaScript, which does not vary with the machine, and loading it would triple this test's time. */
async function testEcdsa(row: EcdsaSigning): Promise<void> {
  const { privateKey, signature } = ecdsaAnswers[row.curveId]
  const key = keyFrom(privateKey)
  const publicKey = createPublicKey(key)
  const known = Buffer.from(signature, 'base64')
  expectThat(await isEcdsaSignature(publicKey, row, 'RAW', message, known), `ECDSA ${row.curveId}`)
  expectThat(!(await isEcdsaSignature(publicKey, row, 'RAW', Buffer.alloc(1), known)), `ECDSA ${row.curveId}`)
  const made = await ecdsaSign(key, row, 'RAW', message)
  expectThat(await isEcdsaSignature(publicKey, row, 'RAW', message, made), `ECDSA ${row.curveId}`)
}

function secretKey(hex: string): KeyObject {
  return createSecretKey(Buffer.from(hex, 'hex'))
}

function keyFrom(pkcs8: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' })
}
