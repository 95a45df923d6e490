import type { GenericSchema } from 'valibot'
import { authorizedKey } from '../../lib/http/authorize.ts'
import type { Answer, InputOf, Operation, Request } from '../../lib/http/operation.ts'
import type { OperationName } from '../../lib/http/operations.ts'
import type { VaultKey } from '../../lib/kms/keys/changeKey.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../../lib/kms/rows/rows.ts'
import { toKey, toKeyVersion } from './keyWire.ts'

interface Definition<S extends GenericSchema | undefined, R> {
  /** Absent: the operation takes no body. */
  readonly input?: S
  readonly run: (request: Request, loaded: VaultKey, details: InputOf<S>) => Promise<R>
}

/** An operation on the key that its path names, for who may; it answers with the key as `run` leaves it, and its etag. */
export function keyOperation<S extends GenericSchema | undefined = undefined>(
  id: OperationName,
  definition: Definition<S, KeyRow>,
): Operation {
  return onKey(id, definition, (request, { vault }, row) => keyAnswer(request, vault.row, row))
}

/** As keyOperation; `run` gives a version of the key. */
export function keyVersionOperation<S extends GenericSchema | undefined = undefined>(
  id: OperationName,
  definition: Definition<S, KeyVersionRow>,
): Operation {
  return onKey(id, definition, ({ ports }, loaded, row) => ({
    body: toKeyVersion(ports, loaded, row),
    headers: { etag: row.etag },
  }))
}

function onKey<S extends GenericSchema | undefined, R>(
  id: OperationName,
  { input, run }: Definition<S, R>,
  answer: (request: Request, loaded: VaultKey, row: R) => Answer,
): Operation {
  return {
    id,
    ...(input && { input }),
    run: async (request, details) => {
      const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
      // INVARIANT: the pipeline has validated the body against `input`.
      return answer(request, loaded, await run(request, loaded, details as InputOf<S>))
    },
  }
}

export function keyAnswer(
  { ports }: Request,
  vault: VaultRow,
  row: KeyRow,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { body: toKey(ports, vault, row), headers: { etag: row.etag, ...headers } }
}
