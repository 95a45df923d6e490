import * as v from 'valibot'
import { operation } from '../../lib/http/operation.ts'
import { fingerprint, readApiPublicKey } from '../../lib/iam/signature/fingerprint.ts'
import { uploadApiKey } from '../../lib/kms/identity/apiKeys.ts'
import { holderOfApiKeys, toApiKey } from './userWire.ts'

const createApiKeyDetails = v.object({ key: v.string() })

export const uploadApiKeyOperation = operation('UploadApiKey', {
  input: createApiKeyDetails,
  run: async (request, { key }) => {
    const { id: userId } = await holderOfApiKeys(request)
    const publicKey = readApiPublicKey(key)
    const { tenancyId } = request.caller.principal
    const row = await uploadApiKey(request.ports, tenancyId, request.mutation, {
      userId,
      fingerprint: fingerprint(publicKey),
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    })
    return { body: toApiKey(row, tenancyId), headers: { etag: row.etag } }
  },
})
