import { KmsError } from '../errors.ts'
import { awsClientOptions } from '../store/awsClientOptions.ts'
import { keepWithin, type Deadline } from './deadline.ts'
import type { KeyService } from './kms/keyService.ts'

export interface AwsKeyServiceOptions {
  readonly region: string
  readonly deadline: Deadline
}

/** The keys of AWS KMS, which is loaded at its first use, once for all of them. */
export function awsKeyServices({ region, deadline }: AwsKeyServiceOptions): (keyId?: string) => KeyService {
  let loading: ReturnType<typeof loadClient> | undefined
  const loaded = () => (loading ??= loadClient(region, deadline))
  /** Without an id it makes no data keys and takes what it unwraps by the key that it names itself. */
  return (keyId) => ({
    generateDataKey: async (EncryptionContext) => {
      if (keyId === undefined) throw new Error('This function may not make data keys.')
      const { client, GenerateDataKeyCommand } = await loaded()
      const answer = await client.send(
        new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext }),
      )
      return { plaintext: required(answer.Plaintext), wrapped: required(answer.CiphertextBlob) }
    },
    decrypt: async (CiphertextBlob, EncryptionContext) => {
      const { client, DecryptCommand } = await loaded()
      const command = new DecryptCommand({
        CiphertextBlob,
        EncryptionContext,
        ...(keyId === undefined ? {} : { KeyId: keyId }),
      })
      try {
        return required((await client.send(command)).Plaintext)
      } catch (cause) {
        throw isForeign(cause) ? notOurs(cause) : cause
      }
    },
    reEncrypt: async (CiphertextBlob, context) => {
      if (keyId === undefined) throw new Error('This function may not wrap anything anew.')
      const { client, ReEncryptCommand } = await loaded()
      const contexts = { SourceEncryptionContext: context, DestinationEncryptionContext: context }
      const anew = async (SourceKeyId?: string) => {
        const of = SourceKeyId === undefined ? {} : { SourceKeyId }
        const command = new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: keyId, ...of, ...contexts })
        return required((await client.send(command)).CiphertextBlob)
      }
      try {
        return await anew(keyId)
      } catch (cause) {
        // Another key of this deployment wrapped it, before it was replaced: the ciphertext itself names it.
        if (cause instanceof Error && cause.name === 'IncorrectKeyException') return anew()
        throw isForeign(cause) ? notOurs(cause) : cause
      }
    },
  })
}

async function loadClient(region: string, deadline: Deadline) {
  const { DecryptCommand, GenerateDataKeyCommand, KMSClient, ReEncryptCommand } = await import('@aws-sdk/client-kms')
  return {
    client: keepWithin(new KMSClient(awsClientOptions({ region })), deadline),
    DecryptCommand,
    GenerateDataKeyCommand,
    ReEncryptCommand,
  }
}

/** What AWS KMS says of another context, another key and altered bytes. */
function isForeign(cause: unknown): boolean {
  return cause instanceof Error && /^(InvalidCiphertext|IncorrectKey)Exception$/.test(cause.name)
}

function notOurs(cause: unknown): KmsError {
  const message = 'What AWS KMS wrapped was altered, or belongs to another vault, region or deployment.'
  return new KmsError('integrityFailure', message, { cause })
}

function required(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error('AWS KMS gave an empty answer.')
  return bytes
}
