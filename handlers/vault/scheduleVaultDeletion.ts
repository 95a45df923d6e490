import { authorizedVault } from '../../lib/http/authorize.ts'
import { scheduleDeletionDetails } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { scheduleVaultDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { toVault } from './vaultWire.ts'

export const scheduleVaultDeletionOperation = operation('ScheduleVaultDeletion', {
  input: scheduleDeletionDetails,
  run: async (request, { timeOfDeletion }) => {
    const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
    const row = await scheduleVaultDeletion(request.ports, request.mutation, vault, timeOfDeletion ?? undefined)
    return { body: await toVault(request.ports, row), headers: { etag: row.etag } }
  },
})
