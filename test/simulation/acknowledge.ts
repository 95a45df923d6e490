import type { Answer } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { atRiskPk } from '../../lib/replication/atRisk.ts'
import { bodyOf, textOf, type Client } from './client.ts'
import { regionB } from './composeSimulated.ts'

/** Keeps what an answer promises: the change, as of the order that its replication id names. */
export function note({ world }: Client, what: string, vaultId: string, answer: Answer): void {
  const details = bodyOf(answer)?.['replicaDetails'] as JsonObject | null | undefined
  const replicationId = textOf(details ?? undefined, 'replicationId')
  if (replicationId === undefined) return
  const [resourceId, epoch, revision] = JSON.parse(Buffer.from(replicationId, 'base64url').toString()) as [
    string,
    string,
    number,
  ]
  const wasAtRisk = isAtRisk(world.a.tables, resourceId, revision)
  world.acknowledged.push({ what, vaultId, resourceId, epoch, revision, replicationId, wasAtRisk })
}

/** Whether the primary lists the change as one that its loss would take along. */
export function isAtRisk(tables: Client['world']['a']['tables'], resourceId: string, revision: number): boolean {
  const mark = tables.get('Replication', atRiskPk(regionB), resourceId)
  return mark?.revision !== undefined && mark.revision >= revision
}
