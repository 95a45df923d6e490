import type { GenericSchema } from 'valibot'
import { authorizedVault } from '../../lib/http/authorize.ts'
import type { Answer, InputOf, Operation, Request } from '../../lib/http/operation.ts'
import type { OperationName } from '../../lib/http/operations.ts'
import type { VaultRow } from '../../lib/kms/rows/rows.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { toVault } from './vaultWire.ts'

interface Definition<S extends GenericSchema | undefined> {
  /** Absent: the operation takes no body. */
  readonly input?: S
  readonly run: (request: Request, vault: Vault, details: InputOf<S>) => Promise<VaultRow>
}

/** An operation on the vault that its path names, for who may; it answers with the vault as `run` leaves it, and its etag. */
export function vaultOperation<S extends GenericSchema | undefined = undefined>(
  id: OperationName,
  { input, run }: Definition<S>,
): Operation {
  return {
    id,
    ...(input && { input }),
    run: async (request, details) => {
      const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
      // INVARIANT: the pipeline has validated the body against `input`.
      return vaultAnswer(request, await run(request, vault, details as InputOf<S>))
    },
  }
}

export async function vaultAnswer(
  { ports }: Request,
  row: VaultRow,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return { body: await toVault(ports, row), headers: { etag: row.etag, ...headers } }
}
