import { rowOf, type OperationName } from '../../../lib/http/operations.ts'
import type { Caller } from './callers.ts'
import type { Target } from './stage.ts'

/** A request by hand, for what the client does not let through. */
export async function sendTo(
  who: Caller,
  operation: OperationName,
  target: Target,
  body?: string,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { method, path, plane } = rowOf(operation)
  const { vault, oldVersionId, subcompartmentId, compartmentId } = target
  const segments: Readonly<Record<string, string>> = {
    ...texts(target),
    vaultId: vault.id,
    keyVersionId: oldVersionId,
    compartmentId: subcompartmentId,
  }
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segments[name] ?? '')
  const isInQuery = operation === 'RestoreVaultFromObjectStore' || operation === 'UpdateConfiguration'
  const restores = isInQuery ? `?compartmentId=${compartmentId}` : ''
  return who.send(
    method,
    `${plane === 'vault' ? vault.managementEndpoint : target.region}${filled}${query || restores}`,
    body,
    rowOf(operation).caller === 'workload' ? { authorization: `Bearer ${await who.oidcToken()}` } : headers,
  )
}

function texts(target: Target): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(target).filter((each): each is [string, string] => typeof each[1] === 'string'),
  )
}
