import { appendIdentity } from './identityLog.ts'
import { identitySk } from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'

type Ports = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>

/**
 * Once, for a log that an older version wrote: an entry that changes nothing and signs what stands. What was put back before
 * is believed by it, what is put back later is not.
 */
export async function stampIdentity(ports: Ports, tenancyId: string, seq: number): Promise<void> {
  const head = await ports.tables.get('Identity', tenancyId, identitySk.log(seq))
  // A false answer means that another entry was faster: that one has a digest.
  if (head?.['stateDigest'] === undefined) await appendIdentity(ports, tenancyId, { after: seq, puts: [] })
}
