import type { KeyService } from './hsmStateRow.ts'

/** AWS KMS, loaded at its first use. `keyId` is needed to make data keys only: a wrapped one names its key. */
export function awsKeyService(keyId?: string): KeyService {
  let loading: ReturnType<typeof loadClient> | undefined
  const loaded = () => (loading ??= loadClient())
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

async function loadClient() {
  const { DecryptCommand, GenerateDataKeyCommand, KMSClient } = await import('@aws-sdk/client-kms')
  return { client: new KMSClient({}), DecryptCommand, GenerateDataKeyCommand }
}

function required(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error('AWS KMS gave an empty answer.')
  return bytes
}
