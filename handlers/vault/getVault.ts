import { vaultOperation } from './vaultOperation.ts'

export const getVaultOperation = vaultOperation('GetVault', { run: async (_request, { row }) => row })
