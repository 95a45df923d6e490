import type { OperationName } from '../../../lib/http/operations.ts'
import { base64, shapes } from '../ociCloud.ts'
import { sendTo } from './sendTo.ts'
import { incorrectState, invalid, notFound, rowsOf, type Tried } from './row.ts'
import { freshKey, type Stage, type Target } from './stage.ts'
import { subjects } from './subjects.ts'

/** The body that the common call sends, with members of the case's own. */
const sending =
  (
    operation: OperationName,
    members: (target: Target) => object,
    arrange: (stage: Stage) => Promise<Target> = async ({ ready }) => ready,
  ) =>
  async (stage: Stage) => {
    const about = await arrange(stage)
    const body = JSON.stringify({ ...subjects[operation].body?.(about), ...members(about) })
    return () => sendTo(stage.administrator, operation, about, body)
  }

const keyOf = (shape: (typeof shapes)[keyof typeof shapes]) => async (stage: Stage) => {
  const { keyId, oldVersionId } = await freshKey(stage, shape)
  return { ...stage.ready, keyId, signingKeyId: keyId, softwareKeyId: keyId, signingVersionId: oldVersionId }
}

/** A key of the kind that the operation wants, disabled. */
const disabled = (operation: OperationName, shape: Parameters<typeof keyOf>[0] = shapes.aes256): Tried => [
  'a disabled key',
  incorrectState,
  sending(
    operation,
    () => ({}),
    async (stage) => {
      const about = await keyOf(shape)(stage)
      await subjects.DisableKey.call(stage.administrator, about, {})
      return about
    },
  ),
]
const otherVersion = (operation: OperationName): Tried => [
  'a version of another key',
  notFound,
  sending(operation, ({ oldVersionId: keyVersionId }) => ({ keyVersionId })),
]
const long = base64('x'.repeat(4097))
const longMap = { a: 'x'.repeat(4096) }
const urlSafe = '-_-_'

/** What only crypto operations refuse. */
export const cryptoRows = rowsOf({
  Encrypt: [
    disabled('Encrypt'),
    ['a signing key', invalid, sending('Encrypt', () => ({}), keyOf(shapes.p256))],
    [
      'an algorithm of another kind of key',
      invalid,
      sending('Encrypt', () => ({ encryptionAlgorithm: 'RSA_OAEP_SHA_1' })),
    ],
    ['a plaintext of 4097 bytes', invalid, sending('Encrypt', () => ({ plaintext: long }))],
    ['a plaintext in the URL-safe alphabet', invalid, sending('Encrypt', () => ({ plaintext: urlSafe }))],
    ['associatedData of 4096 characters', invalid, sending('Encrypt', () => ({ associatedData: longMap }))],
    ['loggingContext of 4096 characters', invalid, sending('Encrypt', () => ({ loggingContext: longMap }))],
    [
      'a version of another key',
      notFound,
      sending('Encrypt', ({ signingVersionId: keyVersionId }) => ({ keyVersionId })),
    ],
  ],
  Decrypt: [
    disabled('Decrypt'),
    ['a ciphertext that is none', invalid, sending('Decrypt', () => ({ ciphertext: base64('no ciphertext') }))],
    ['other associatedData', invalid, sending('Decrypt', () => ({ associatedData: { a: 'b' } }))],
    [
      "another version than the ciphertext's",
      invalid,
      sending('Decrypt', ({ oldVersionId: keyVersionId }) => ({ keyVersionId })),
    ],
    ['a ciphertext of another key', invalid, sending('Decrypt', () => ({}), keyOf(shapes.aes256))],
  ],
  GenerateDataEncryptionKey: [
    disabled('GenerateDataEncryptionKey'),
    ['a data key that is no AES key', invalid, sending('GenerateDataEncryptionKey', () => ({ keyShape: shapes.p256 }))],
    ['a signing key', invalid, sending('GenerateDataEncryptionKey', () => ({}), keyOf(shapes.p256))],
  ],
  Sign: [
    disabled('Sign', shapes.p256),
    ['an encryption key', invalid, sending('Sign', () => ({}), keyOf(shapes.aes256))],
    ['an algorithm of another curve', invalid, sending('Sign', () => ({ signingAlgorithm: 'ECDSA_SHA_384' }))],
    ['a message of 4097 bytes', invalid, sending('Sign', () => ({ message: long }))],
    ['a digest of another length', invalid, sending('Sign', () => ({ messageType: 'DIGEST' }))],
    otherVersion('Sign'),
  ],
  Verify: [
    disabled('Verify', shapes.p256),
    ['an encryption key', invalid, sending('Verify', () => ({}), keyOf(shapes.aes256))],
    ['an algorithm of another curve', invalid, sending('Verify', () => ({ signingAlgorithm: 'ECDSA_SHA_384' }))],
    otherVersion('Verify'),
  ],
  ExportKey: [
    ['an HSM key', invalid, sending('ExportKey', ({ keyId }) => ({ keyId }))],
    ['a public key that is none', invalid, sending('ExportKey', () => ({ publicKey: 'x' }))],
    otherVersion('ExportKey'),
  ],
})
