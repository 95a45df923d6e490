import { eachPage } from '../kms/rows/pages.ts'
import type { PageRequest, Tables } from '../ports.ts'
import { atRiskPk } from './atRisk.ts'
import { parkedPk } from './lane/parked.ts'
import { lanePk } from './lane/peerLane.ts'
import { peerMarksPk } from './peerMarks.ts'
import { identityReceiptKey } from './tenancy/replicateIdentity.ts'

/**
 * Forgets what is known of a peer that is left out, what it has acknowledged, and what waits for it: another region may come
 * under its name, which has committed nothing and has nothing. What concerns one vault goes by the link's fence.
 */
export async function forgetPeer(
  { tables }: { readonly tables: Tables },
  tenancyId: string,
  peer: string,
): Promise<void> {
  for (const pk of [parkedPk(peer), atRiskPk(peer), lanePk(peer)]) {
    const read = (request: PageRequest) => tables.query('Replication', pk, '', request)
    for await (const rows of eachPage(read, { limit: 100 })) {
      if (rows.length > 0) await tables.write(rows.map(({ sk }) => ({ op: 'delete', table: 'Replication', pk, sk })))
    }
  }
  const known = [{ pk: peerMarksPk, sk: peer }, identityReceiptKey(tenancyId, peer)]
  await tables.write(known.map((key) => ({ op: 'delete', table: 'Replication', ...key })))
}
