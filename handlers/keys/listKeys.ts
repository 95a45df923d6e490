import { authorizedVaultForKey } from '../../lib/http/authorize.ts'
import { optionalChoice, requiredOcid } from '../../lib/http/fields.ts'
import { bodyless, type Request } from '../../lib/http/operation.ts'
import { listRequest, nextPage } from '../../lib/http/paging.ts'
import { curves, keyLengths, protectionModes } from '../../lib/hsm/algorithms.ts'
import { keysOf } from '../../lib/keysOf.ts'
import { KmsError } from '../../lib/errors.ts'
import { listKeys } from '../../lib/kms/keys/listKeys.ts'
import type { KeyFilter } from '../../lib/kms/rows/listing.ts'
import { toKeySummary } from './keyWire.ts'

export const listKeysOperation = bodyless('ListKeys', async (request) => {
  const filter = keyFilter(request)
  const vault = await authorizedVaultForKey(request, filter.compartmentId)
  const { items, next } = await listKeys(request.ports, vault, filter, listRequest(request))
  return { body: items.map((row) => toKeySummary(vault.row, row)), headers: nextPage(request, next) }
})

function keyFilter({ query }: Request): KeyFilter {
  const protectionMode = optionalChoice(query, 'protectionMode', [...protectionModes, 'EXTERNAL'])
  const algorithm = optionalChoice(query, 'algorithm', keysOf(keyLengths))
  const curveId = optionalChoice(query, 'curveId', keysOf(curves))
  const length = query['length']
  if (length !== undefined && !/^[1-9]\d{0,3}$/.test(length)) {
    throw new KmsError('invalidParameter', 'length must be a whole number of bytes.')
  }
  return {
    compartmentId: requiredOcid(query, 'compartmentId'),
    ...(protectionMode === undefined ? {} : { protectionMode }),
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(curveId === undefined ? {} : { curveId }),
    ...(length === undefined ? {} : { length: Number(length) }),
  }
}
