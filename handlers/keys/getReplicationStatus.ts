import { hash } from 'node:crypto'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import type { LinkState } from '../../lib/replication/compared.ts'
import { replicationStatus } from '../../lib/replication/status.ts'
import type { KeysPorts } from './keysPorts.ts'

/** The status is computed and has no row, so its etag is a digest of what is answered in OCI's own fields. */
export const getReplicationStatusOperation = bodyless<KeysPorts>('GetReplicationStatus', async (request) => {
  const vault = await authorizedVault(request, request.vaultId)
  const found = await replicationStatus(request.ports, vault, request.parameters['replicationId'] ?? '')
  const replicaDetails = found.map(({ region, status, link }) => ({ region, status, ...toLink(link, request.now) }))
  const known = found.map(({ region, status }) => ({ region, status }))
  return { body: { replicaDetails }, headers: { etag: hash('sha1', JSON.stringify(known)) } }
})

/** Fields of our own (docs/divergences.md). */
function toLink(link: LinkState | undefined, now: number): JsonObject {
  if (link === undefined) return {}
  const { lagMs, oldestWaitingSince, comparison } = link
  return {
    lagMs: lagMs === null ? null : { p50: lagMs.p50, p99: lagMs.p99, max: lagMs.max },
    oldestUnreplicatedChangeAgeMs: oldestWaitingSince === null ? null : Math.max(0, now - oldestWaitingSince),
    lastComparison:
      comparison === null
        ? null
        : {
            comparedAt: new Date(comparison.comparedAt).toISOString(),
            agreedAt: comparison.agreedAt === null ? null : new Date(comparison.agreedAt).toISOString(),
            diverged: comparison.diverged,
          },
  }
}
