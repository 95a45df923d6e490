import * as v from 'valibot'
import { authorizedVault } from '../../lib/http/authorize.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { requireVaultState } from '../../lib/kms/rows/lifecycle.ts'
import { changeVault } from '../../lib/kms/vaults/vaults.ts'
import { toVault } from './vaultWire.ts'

/** What is absent stays; a tag map that is present replaces the whole map. */
export const updateVaultOperation = operation('UpdateVault', {
  input: v.object(updatableFields),
  run: async (request, details) => {
    const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
    const row = await changeVault(request.ports, request.mutation, vault, (current) => {
      requireVaultState('UpdateVault', current)
      return { set: changedFields(details) }
    })
    return { body: await toVault(request.ports, row), headers: { etag: row.etag } }
  },
})
