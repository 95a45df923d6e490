import { textFromBytes } from '../textFromBytes.ts'
import type { Order } from '../kms/rows/epoch.ts'
import type { VaultRow } from '../kms/rows/rows.ts'
import { parseJson } from '../parseJson.ts'

/** A change of a vault or of a key, by the revision that it made; a key version's change is its key's. */
export type ChangeOf = Order & { readonly id: string }

/**
 * Every change of a replicated vault has an id that says which resource and which revision it is about. So the id needs
 * no row, is the same in both regions, and never expires.
 */
export function replicationId(vault: VaultRow, resource: ChangeOf): string | null {
  if (vault.replicaRegion === null) return null
  return Buffer.from(JSON.stringify([resource.id, resource.epoch, resource.revision])).toString('base64url')
}

/** Undefined for a text that is no such id. */
export function parseReplicationId(id: string): ChangeOf | undefined {
  try {
    const value: unknown = parseJson(textFromBytes(Buffer.from(id, 'base64url')) ?? '')
    if (!Array.isArray(value) || value.length !== 3) return undefined
    const [of, epoch, revision] = value as readonly unknown[]
    if (typeof of !== 'string' || typeof epoch !== 'string' || typeof revision !== 'number') return undefined
    return { id: of, epoch, revision }
  } catch {
    return undefined
  }
}
