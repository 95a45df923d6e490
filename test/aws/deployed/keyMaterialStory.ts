import {
  constants,
  createDecipheriv,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { models } from 'oci-keymanagement'
import type { ReplicatedVault } from './replicationStory.ts'
import { text, until, type Stage } from './stage.ts'

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const

/** Key material that comes in wrapped, and goes out wrapped again. */
export function keyMaterialStory(stage: Stage, replicated: () => ReplicatedVault): void {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })

  /** As RSA_OAEP_AES_SHA256 has it: a key under RSA, and the material under that key by RFC 5649. */
  const unwrapped = (encryptedKey: string): Buffer => {
    const blob = Buffer.from(encryptedKey, 'base64')
    const ephemeral = privateDecrypt({ key: privateKey, ...oaep }, blob.subarray(0, 256))
    const decipher = createDecipheriv('id-aes256-wrap-pad', ephemeral, Buffer.from('a65959a6', 'hex'))
    return Buffer.concat([decipher.update(blob.subarray(256)), decipher.final()])
  }

  test('an imported key encrypts here, decrypts at the replica, and leaves both as the bytes that came', async () => {
    const { vault, replica } = replicated()
    const wrappingKey = async () => (await stage.keys(vault).getWrappingKey({})).wrappingKey
    await until(async () => (await wrappingKey()).lifecycleState === models.WrappingKey.LifecycleState.Enabled)
    const material = randomBytes(32)
    const wrapped = publicEncrypt({ key: (await wrappingKey()).publicKey, ...oaep }, material)
    const importKeyDetails = {
      compartmentId: stage.tenancyId,
      displayName: 'brought',
      keyShape: { algorithm: models.KeyShape.Algorithm.Aes, length: 32 },
      protectionMode: models.ImportKeyDetails.ProtectionMode.Software,
      wrappedImportKey: {
        keyMaterial: wrapped.toString('base64'),
        wrappingAlgorithm: models.WrappedImportKey.WrappingAlgorithm.RsaOaepSha256,
      },
    }
    const { key } = await stage.keys(vault).importKey({ importKeyDetails })
    expect(key).toMatchObject({ lifecycleState: 'ENABLED', protectionMode: 'SOFTWARE' })
    const secret = await stage.encrypt(vault, key.id)
    await until(() => stage.hasKey(replica, key.id))
    expect(await stage.decrypt(replica, secret)).toBe(text)
    const algorithm = models.ExportKeyDetails.Algorithm.RsaOaepAesSha256
    for (const at of [vault, replica]) {
      const exportKeyDetails = { keyId: key.id, algorithm, publicKey }
      const { exportedKeyData } = await stage.crypto(at).exportKey({ exportKeyDetails })
      expect(unwrapped(exportedKeyData.encryptedKey).equals(material)).toBe(true)
    }
  })

  test('a key that the HSM protects is not exported, in neither region', async () => {
    const { vault, replica, secrets } = replicated()
    const algorithm = models.ExportKeyDetails.Algorithm.RsaOaepAesSha256
    const exportKeyDetails = { keyId: secrets[0]?.keyId ?? '', algorithm, publicKey }
    for (const at of [vault, replica]) {
      const refused = stage.crypto(at).exportKey({ exportKeyDetails })
      await expect(refused).rejects.toMatchObject({ statusCode: 400, serviceCode: 'InvalidParameter' })
    }
  })
}
