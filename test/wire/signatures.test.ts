import {
  constants,
  createHash,
  createPublicKey,
  publicEncrypt,
  verify,
  type KeyObject,
  type webcrypto,
} from 'node:crypto'
import { Crypto } from '@peculiar/webcrypto'
import { models } from 'oci-keymanagement'
import { base64, makeKey, makeVault, ociCloud, shapes, type OciCloud } from './ociCloud.ts'

/** What the service signs is judged by others: OpenSSL, and WebCrypto in JavaScript, with nothing but the public key. */

let oci: OciCloud
let vault: models.Vault
beforeAll(async () => {
  oci = await ociCloud()
  vault = await makeVault(oci)
})
afterAll(() => oci.close())

type ShapeName = 'rsa2048' | 'p256' | 'p384' | 'p521'

const { Raw, Digest } = models.SignDataDetails.MessageType
const { SigningAlgorithm } = models.SignDataDetails
const rows: readonly [ShapeName, models.SignDataDetails.SigningAlgorithm, string][] = [
  ['rsa2048', SigningAlgorithm.Sha224RsaPkcsPss, 'sha224'],
  ['rsa2048', SigningAlgorithm.Sha256RsaPkcsPss, 'sha256'],
  ['rsa2048', SigningAlgorithm.Sha384RsaPkcsPss, 'sha384'],
  ['rsa2048', SigningAlgorithm.Sha512RsaPkcsPss, 'sha512'],
  ['rsa2048', SigningAlgorithm.Sha224RsaPkcs1V15, 'sha224'],
  ['rsa2048', SigningAlgorithm.Sha256RsaPkcs1V15, 'sha256'],
  ['rsa2048', SigningAlgorithm.Sha384RsaPkcs1V15, 'sha384'],
  ['rsa2048', SigningAlgorithm.Sha512RsaPkcs1V15, 'sha512'],
  ['p256', SigningAlgorithm.EcdsaSha256, 'sha256'],
  ['p384', SigningAlgorithm.EcdsaSha384, 'sha384'],
  ['p521', SigningAlgorithm.EcdsaSha512, 'sha512'],
]
const cases = rows.flatMap(([shape, algorithm, hash]) =>
  [Raw, Digest].map((messageType) => ({ shape, algorithm, hash, messageType })),
)

const made = new Map<ShapeName, Promise<models.Key>>()

/** One key of a shape serves all its cases. */
function keyOf(shape: ShapeName): Promise<models.Key> {
  const key = made.get(shape) ?? makeKey(oci, vault, shapes[shape])
  made.set(shape, key)
  return key
}

async function publicKeyOf({ id: keyId, currentKeyVersion: keyVersionId }: models.Key): Promise<KeyObject> {
  const { keyVersion } = await oci.keys(vault.managementEndpoint).getKeyVersion({ keyId, keyVersionId })
  return createPublicKey(keyVersion.publicKey ?? '')
}

const message = Buffer.from('what is signed')

function isValid(key: KeyObject, algorithm: string, hash: string, signature: Buffer): boolean {
  if (!algorithm.endsWith('PSS')) return verify(hash, message, key, signature)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return verify(hash, message, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
}

test.each(cases)('$algorithm over a $messageType verifies by OpenSSL and by the service', async (each) => {
  const { shape, algorithm, hash, messageType } = each
  const key = await keyOf(shape)
  const text = base64(messageType === Raw ? message : createHash(hash).update(message).digest())
  const signDataDetails = { keyId: key.id, message: text, messageType, signingAlgorithm: algorithm }
  const crypto = oci.crypto(vault.cryptoEndpoint)
  const { signedData } = await crypto.sign({ signDataDetails })
  expect(signedData).toMatchObject({ keyId: key.id, keyVersionId: key.currentKeyVersion, signingAlgorithm: algorithm })
  const signature = Buffer.from(signedData.signature, 'base64')
  expect(isValid(await publicKeyOf(key), algorithm, hash, signature)).toBe(true)
  const judge = async (judged: Buffer) => {
    const verifyDataDetails = {
      ...signDataDetails,
      keyVersionId: signedData.keyVersionId,
      signature: base64(judged),
    } as unknown as models.VerifyDataDetails
    return (await crypto.verify({ verifyDataDetails })).verifiedData.isSignatureValid
  }
  expect(await judge(signature)).toBe(true)
  signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1
  expect(await judge(signature)).toBe(false)
})

test('a PSS signature verifies by an independent WebCrypto', async () => {
  const key = await keyOf('rsa2048')
  const signingAlgorithm = SigningAlgorithm.Sha256RsaPkcsPss
  const signDataDetails = { keyId: key.id, message: base64(message), signingAlgorithm }
  const { signedData } = await oci.crypto(vault.cryptoEndpoint).sign({ signDataDetails })
  // Its own types need those of a browser.
  const { subtle } = new Crypto() as unknown as webcrypto.Crypto
  const spki = (await publicKeyOf(key)).export({ type: 'spki', format: 'der' })
  const publicKey = await subtle.importKey('spki', spki, { name: 'RSA-PSS', hash: 'SHA-256' }, false, ['verify'])
  const signature = Buffer.from(signedData.signature, 'base64')
  expect(await subtle.verify({ name: 'RSA-PSS', saltLength: 32 }, publicKey, signature, message)).toBe(true)
})

test('an older version still verifies what it signed', async () => {
  const key = await makeKey(oci, vault, shapes.p256)
  const crypto = oci.crypto(vault.cryptoEndpoint)
  const signingAlgorithm = SigningAlgorithm.EcdsaSha256
  const { signedData } = await crypto.sign({
    signDataDetails: { keyId: key.id, message: base64(message), signingAlgorithm },
  })
  const { keyVersion } = await oci.keys(vault.managementEndpoint).createKeyVersion({ keyId: key.id })
  const judge = async (keyVersionId: string) => {
    const verifyDataDetails = { ...signedData, keyVersionId, message: base64(message) }
    return (await crypto.verify({ verifyDataDetails: verifyDataDetails as unknown as models.VerifyDataDetails }))
      .verifiedData.isSignatureValid
  }
  expect(await judge(key.currentKeyVersion)).toBe(true)
  expect(await judge(keyVersion.id)).toBe(false)
})

test.each([
  ['sha1', models.DecryptDataDetails.EncryptionAlgorithm.RsaOaepSha1],
  ['sha256', models.DecryptDataDetails.EncryptionAlgorithm.RsaOaepSha256],
] as const)(
  'what OpenSSL encrypts with OAEP and %s for the public key, the service decrypts',
  async (oaepHash, algorithm) => {
    const key = await keyOf('rsa2048')
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const ciphertext = publicEncrypt({ key: await publicKeyOf(key), padding, oaepHash }, message)
    const decryptDataDetails = { keyId: key.id, ciphertext: base64(ciphertext), encryptionAlgorithm: algorithm }
    const { decryptedData } = await oci.crypto(vault.cryptoEndpoint).decrypt({ decryptDataDetails })
    expect(decryptedData.plaintext).toBe(base64(message))
  },
)
