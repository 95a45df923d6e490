import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import type { KeyService } from './sealedHsmState.ts'

/** AWS KMS. `keyId` is needed to make data keys only: a wrapped one names its key. */
export function awsKeyService(keyId: string | undefined): KeyService {
  const client = new KMSClient({})
  return {
    generateDataKey: async (EncryptionContext) => {
      if (keyId === undefined) throw new Error('The environment variable HSM_STATE_KEY is missing.')
      const answer = await client.send(
        new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext }),
      )
      return { plaintext: required(answer.Plaintext), wrapped: required(answer.CiphertextBlob) }
    },
    decrypt: async (CiphertextBlob, EncryptionContext) =>
      required((await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))).Plaintext),
  }
}

function required(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error('AWS KMS gave an empty answer.')
  return bytes
}
