import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { signingAlgorithms } from '../../lib/hsm/algorithms.ts'
import { Cmac } from '../../lib/hsm/primitives/cmac.ts'
import { ecdsaSign, isEcdsaSignature } from '../../lib/hsm/primitives/ecdsa.ts'
import { isRsaSignature, rsaDecrypt, rsaEncrypt, rsaSign } from '../../lib/hsm/primitives/rsa.ts'
import { deriveMessageKey, deriveWith, decryptMessage, encryptMessage } from '../../lib/hsm/primitives/xaes.ts'
import { rsaAnswers } from '../../lib/hsm/software/knownAnswers.ts'
import { derFromRaw, rawFromDer, subtle, webCurves, webHashes } from './contract/webOracle.ts'

const message = Buffer.from('a message for the oracle')
const rows = Object.entries(signingAlgorithms).filter(([, { hash }]) => webHashes[hash] !== '')
const rsa = createPrivateKey({ key: Buffer.from(rsaAnswers.privateKey, 'base64'), format: 'der', type: 'pkcs8' })
const rsaPublic = createPublicKey(rsa)

test.each(['sha1', 'sha256'] as const)('OAEP with %s and the oracle decrypt each other', async (oaepHash) => {
  const algorithm = { name: 'RSA-OAEP', hash: webHashes[oaepHash] }
  const publicKey = await subtle.importKey('spki', spki(rsaPublic), algorithm, false, ['encrypt'])
  const privateKey = await subtle.importKey('pkcs8', pkcs8(rsa), algorithm, false, ['decrypt'])
  const theirs = Buffer.from(await subtle.encrypt(algorithm, publicKey, message))
  expect(await rsaDecrypt(rsa, oaepHash, theirs)).toEqual(message)
  const ours = rsaEncrypt(rsaPublic, oaepHash, message)
  expect(Buffer.from(await subtle.decrypt(algorithm, privateKey, ours))).toEqual(message)
})

test.each(rows)('%s and the oracle verify each other', async (_name, row) => {
  if (row.family === 'RSA') {
    const name = row.padding === 'PSS' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
    const algorithm = { name, hash: webHashes[row.hash], saltLength: Number(row.hash.slice(3)) / 8 }
    const publicKey = await subtle.importKey('spki', spki(rsaPublic), algorithm, false, ['verify'])
    const privateKey = await subtle.importKey('pkcs8', pkcs8(rsa), algorithm, false, ['sign'])
    const theirs = Buffer.from(await subtle.sign(algorithm, privateKey, message))
    expect(isRsaSignature(rsaPublic, row, 'RAW', message, theirs)).toBe(true)
    expect(await subtle.verify(algorithm, publicKey, await rsaSign(rsa, row, 'RAW', message), message)).toBe(true)
    return
  }
  const [namedCurve, length] = webCurves[row.curveId]
  const pair = generateKeyPairSync('ec', { namedCurve })
  const algorithm = { name: 'ECDSA', namedCurve, hash: webHashes[row.hash] }
  const publicKey = await subtle.importKey('spki', spki(pair.publicKey), algorithm, false, ['verify'])
  const privateKey = await subtle.importKey('pkcs8', pkcs8(pair.privateKey), algorithm, false, ['sign'])
  const theirs = derFromRaw(Buffer.from(await subtle.sign(algorithm, privateKey, message)))
  expect(await isEcdsaSignature(pair.publicKey, row, 'RAW', message, theirs)).toBe(true)
  const ours = rawFromDer(await ecdsaSign(pair.privateKey, row, 'RAW', message), length)
  expect(await subtle.verify(algorithm, publicKey, ours, message)).toBe(true)
})

test.each([16, 24, 32] as const)(
  'a message under an AES key of %i bytes opens in the oracle, and its own here',
  async (length) => {
    const [master, nonce, aad] = [randomBytes(length), randomBytes(24), randomBytes(42)]
    const key = deriveMessageKey(deriveWith(new Cmac(createSecretKey(master))), length, nonce)
    const derived = await subtle.importKey('raw', key.key.export(), 'AES-GCM', false, ['encrypt', 'decrypt'])
    const algorithm = { name: 'AES-GCM', iv: key.iv, additionalData: aad, tagLength: 128 }
    const { body, tag } = encryptMessage(key, aad, message)
    expect(Buffer.from(await subtle.decrypt(algorithm, derived, Buffer.concat([body, tag])))).toEqual(message)
    expect(decryptMessage(key, aad, Buffer.from(await subtle.encrypt(algorithm, derived, message)))).toEqual(message)
  },
)

test.each([16, 24, 32] as const)('the oracle derives the same message key from AES-%i-byte blocks', async (length) => {
  const [master, nonce] = [randomBytes(length), randomBytes(24)]
  const key = deriveMessageKey(deriveWith(new Cmac(createSecretKey(master))), length, nonce)
  const algorithm = { name: 'AES-CMAC', length: length * 8 }
  const oracle = await subtle.importKey('raw', master, algorithm, false, ['sign'])
  const blocks: Buffer[] = []
  for (let block = 1; block <= 4; block++) {
    const input = Buffer.concat([Buffer.from([0, block, 0x58, 0]), nonce.subarray(0, 12)])
    blocks.push(Buffer.from(await subtle.sign(algorithm, oracle, input)))
  }
  const expected = Buffer.concat(blocks)
  expect(key.key.export()).toEqual(expected.subarray(0, length))
  expect(key.commitmentKey).toEqual(expected.subarray(32))
})

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

function pkcs8(key: KeyObject): Buffer {
  return key.export({ type: 'pkcs8', format: 'der' })
}
