import { awsClientOptions } from '../store/awsClientOptions.ts'
import { keepWithin, type Deadline } from './deadline.ts'
import type { KeyService } from './hsmStateRow.ts'

export interface AwsKeyServiceOptions {
  readonly region: string
  readonly deadline: Deadline
  /** Needed to make data keys only: a wrapped one names its key. */
  readonly keyId?: string
}

/** AWS KMS, loaded at its first use. */
export function awsKeyService({ region, deadline, keyId }: AwsKeyServiceOptions): KeyService {
  let loading: ReturnType<typeof loadClient> | undefined
  const loaded = () => (loading ??= loadClient(region, deadline))
  return {
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
      return required((await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))).Plaintext)
    },
  }
}

async function loadClient(region: string, deadline: Deadline) {
  const { DecryptCommand, GenerateDataKeyCommand, KMSClient } = await import('@aws-sdk/client-kms')
  return {
    client: keepWithin(new KMSClient(awsClientOptions({ region })), deadline),
    DecryptCommand,
    GenerateDataKeyCommand,
  }
}

function required(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error('AWS KMS gave an empty answer.')
  return bytes
}
