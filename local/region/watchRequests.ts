import { isKmsError, notFoundOrForbidden } from '../../lib/errors.ts'
import { requestLog, type RequestWatch, type SeenRequest } from '../../lib/http/requestWatch.ts'
import { prefixKey } from '../../lib/kms/vaults/vaults.ts'
import { vaultPrefixOf } from '../../lib/ocid.ts'
import type { Logger } from '../../lib/ports.ts'
import type { RefusalReason } from '../../lib/refusalReasons.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'

type Ports = Pick<Runtime, 'region' | 'tables' | 'cache' | 'endpoints'>
type OfAnotherVault = RefusalReason & { readonly name: 'keyOfAnotherVault' }

interface Watching {
  readonly log: Logger
  readonly region: string
  readonly metrics: { answered(seen: SeenRequest): void }
  readonly runtime: () => Ports
}

/** Counts each request and writes its line. */
export function watchRequests({ log, region, metrics, runtime }: Watching): RequestWatch {
  const lines = requestLog(log, region, () => performance.now())
  return {
    stopwatch: () => lines.stopwatch(),
    answered: (seen) => {
      metrics.answered(seen)
      const reason = isKmsError(seen.refusal) ? seen.refusal.reason : undefined
      if (reason?.name !== 'keyOfAnotherVault') {
        lines.answered(seen)
        return
      }
      // INVARIANT: only once the answer is out, because the time that looking takes would tell that there is such a vault.
      setImmediate(() => {
        void withOwner(runtime(), reason).then((known) => {
          lines.answered({ ...seen, refusal: notFoundOrForbidden(known) })
        })
      })
    },
  }
}

/** Whose key it is, and where that vault answers. */
async function withOwner(ports: Ports, reason: OfAnotherVault): Promise<RefusalReason> {
  try {
    const prefix = vaultPrefixOf(reason.keyId)
    if (prefix === undefined) return reason
    const { pk, sk } = prefixKey(prefix)
    const owner = (await ports.tables.get('Vaults', pk, sk))?.['vaultId']
    const vault = typeof owner === 'string' ? await ports.cache.vault(owner) : undefined
    if (vault === undefined) return reason
    const { row } = vault
    // A replica may have no port yet, and a line in the log must not make one.
    if (row.primaryRegion !== ports.region) return { ...reason, owner: row.id }
    return { ...reason, owner: row.id, endpoint: (await ports.endpoints.of(row, ports.region)).management }
  } catch {
    // What cannot be read now is left out; the refusal is logged all the same.
    return reason
  }
}
