import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { requireVaultState } from '../../lib/kms/rows/lifecycle.ts'
import { changeVault } from '../../lib/kms/vaults/vaults.ts'
import { vaultOperation } from './vaultOperation.ts'

/** What is absent stays; a tag map that is present replaces the whole map. */
export const updateVaultOperation = vaultOperation('UpdateVault', {
  input: v.object(updatableFields),
  run: async (request, vault, details) => {
    await requireTagsTaken(request, details, vault.row)
    return changeVault(request.ports, request.mutation, vault, (current) => {
      requireVaultState('UpdateVault', current)
      return { set: changedFields(details) }
    })
  },
})
