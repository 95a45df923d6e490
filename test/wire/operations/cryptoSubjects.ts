import { generateKeyPairSync } from 'node:crypto'
import { models } from 'oci-keymanagement'
import { base64, shapes } from '../ociCloud.ts'
import { someText, type Subject } from './subject.ts'

const crypto = { about: 'key', needsActiveVault: true } as const
const plaintext = base64('HELLO WORLD')
const { EcdsaSha256 } = models.SignDataDetails.SigningAlgorithm
const { RsaOaepSha256 } = models.ExportKeyDetails.Algorithm

/** The public half of a key pair of the caller's, for whom a key is exported. */
export const callersPublicKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
  type: 'spki',
  format: 'pem',
}) as string

/** The KmsCrypto client's operations. */
export const cryptoSubjects = {
  Encrypt: {
    call: (who, { vault, keyId }) =>
      who.crypto(vault.cryptoEndpoint).encrypt({ encryptDataDetails: { keyId, plaintext } }),
    answers: { encryptedData: { ciphertext: someText, encryptionAlgorithm: 'AES_256_GCM' } },
    ...crypto,
    body: ({ keyId }) => ({
      keyId,
      plaintext,
      encryptionAlgorithm: 'AES_256_GCM',
      associatedData: {},
      loggingContext: {},
    }),
    required: ['keyId', 'plaintext'],
  },
  Decrypt: {
    call: (who, { vault, keyId, ciphertext }) =>
      who.crypto(vault.cryptoEndpoint).decrypt({ decryptDataDetails: { keyId, ciphertext } }),
    answers: { decryptedData: { plaintext, plaintextChecksum: '2279966299' } },
    ...crypto,
    body: ({ keyId, ciphertext }) => ({
      keyId,
      ciphertext,
      encryptionAlgorithm: 'AES_256_GCM',
      associatedData: {},
      loggingContext: {},
    }),
    required: ['keyId', 'ciphertext'],
  },
  GenerateDataEncryptionKey: {
    call: (who, { vault, keyId }) => {
      const generateKeyDetails = { keyId, keyShape: shapes.aes256, includePlaintextKey: true }
      return who.crypto(vault.cryptoEndpoint).generateDataEncryptionKey({ generateKeyDetails })
    },
    answers: { generatedKey: { ciphertext: someText, plaintext: someText } },
    ...crypto,
    body: ({ keyId }) => ({
      keyId,
      keyShape: shapes.aes256,
      includePlaintextKey: true,
      associatedData: {},
      loggingContext: {},
    }),
    required: ['keyId', 'keyShape', 'includePlaintextKey'],
  },
  Sign: {
    call: (who, { vault, signingKeyId: keyId }) => {
      const signDataDetails = { keyId, message: plaintext, signingAlgorithm: EcdsaSha256 }
      return who.crypto(vault.cryptoEndpoint).sign({ signDataDetails })
    },
    answers: { signedData: { signature: someText, signingAlgorithm: 'ECDSA_SHA_256' } },
    ...crypto,
    body: ({ signingKeyId: keyId }) => ({
      keyId,
      message: plaintext,
      signingAlgorithm: 'ECDSA_SHA_256',
      messageType: 'RAW',
      loggingContext: {},
    }),
    required: ['keyId', 'message', 'signingAlgorithm'],
  },
  Verify: {
    call: (who, { vault, signingKeyId: keyId, signingVersionId: keyVersionId }) => {
      const signature = base64('no signature')
      const verifyDataDetails = {
        keyId,
        keyVersionId,
        signature,
        message: plaintext,
        signingAlgorithm: models.VerifyDataDetails.SigningAlgorithm.EcdsaSha256,
      }
      return who.crypto(vault.cryptoEndpoint).verify({ verifyDataDetails })
    },
    answers: { verifiedData: { isSignatureValid: false } },
    ...crypto,
    body: ({ signingKeyId: keyId, signingVersionId: keyVersionId }) => ({
      keyId,
      keyVersionId,
      signature: base64('no signature'),
      message: plaintext,
      signingAlgorithm: 'ECDSA_SHA_256',
      messageType: 'RAW',
    }),
    required: ['keyId', 'keyVersionId', 'signature', 'message', 'signingAlgorithm'],
  },
  ExportKey: {
    call: (who, { vault, softwareKeyId: keyId }) => {
      const exportKeyDetails = { keyId, algorithm: RsaOaepSha256, publicKey: callersPublicKey }
      return who.crypto(vault.cryptoEndpoint).exportKey({ exportKeyDetails })
    },
    answers: { exportedKeyData: { encryptedKey: someText, algorithm: 'RSA_OAEP_SHA256' } },
    ...crypto,
    body: ({ softwareKeyId: keyId }) => ({
      keyId,
      algorithm: 'RSA_OAEP_SHA256',
      publicKey: callersPublicKey,
      loggingContext: {},
    }),
    required: ['keyId', 'algorithm', 'publicKey'],
  },
} as const satisfies Record<string, Subject>
