import { randomBytes } from 'node:crypto'
import { KmsError } from '../../lib/errors.ts'
import type { EncryptionContext, KeyService } from '../../lib/aws/kms/keyService.ts'

export interface TestKeyService extends KeyService {
  readonly calls: { readonly action: 'generate' | 'decrypt' | 'reEncrypt'; readonly context: EncryptionContext }[]
  /** What the next call fails with, as often as it is asked. */
  refuses: Error | undefined
  /** As a key that is deleted: what it wrapped opens no more. */
  readonly forget: (wrapped: Uint8Array) => void
}

/** A key service as AWS KMS is one: a wrapped key opens in the context that it was made in. */
export function aKeyService(): TestKeyService {
  const kept = new Map<string, { key: Buffer; context: string }>()
  const service: TestKeyService = {
    calls: [],
    refuses: undefined,
    generateDataKey: async (context) => {
      service.calls.push({ action: 'generate', context })
      if (service.refuses !== undefined) throw service.refuses
      const [key, id] = [randomBytes(32), randomBytes(16)]
      kept.set(id.toString('hex'), { key: Buffer.from(key), context: JSON.stringify(context) })
      return { plaintext: key, wrapped: id }
    },
    decrypt: async (wrapped, context) => {
      service.calls.push({ action: 'decrypt', context })
      if (service.refuses !== undefined) throw service.refuses
      const found = kept.get(Buffer.from(wrapped).toString('hex'))
      if (found?.context !== JSON.stringify(context))
        throw new KmsError('integrityFailure', 'InvalidCiphertextException')
      return Buffer.from(found.key)
    },
    reEncrypt: async (wrapped, context) => {
      service.calls.push({ action: 'reEncrypt', context })
      if (service.refuses !== undefined) throw service.refuses
      const found = kept.get(Buffer.from(wrapped).toString('hex'))
      if (found?.context !== JSON.stringify(context))
        throw new KmsError('integrityFailure', 'InvalidCiphertextException')
      const id = randomBytes(16)
      kept.set(id.toString('hex'), found)
      return id
    },
    forget: (wrapped) => {
      kept.delete(Buffer.from(wrapped).toString('hex'))
    },
  }
  return service
}
