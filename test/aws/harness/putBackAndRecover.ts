import { recoverSteps } from '../../../lib/aws/putBack/recoverRegion.ts'
import { recover, type PutBackRegion } from '../../../lib/replication/takeBack/recover.ts'
import { createReplica, deleteReplica, makeKey, makeReplicatedVault, makeVault } from '../../harness/vaultStory.ts'
import { regionA, type TestCloud, type TestRegion } from '../../harness/twoRegions.ts'

/** The first region's tables are put back to what they were a few changes ago, and it takes back what the other has. */
export async function putBackAndRecover(
  cloud: TestCloud,
  asOperator: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Awaited<ReturnType<typeof recover>>> {
  const { a, b, tenancyId, call } = cloud
  const vaultId = await makeReplicatedVault(cloud)
  const [unlinked, again] = [await makeVault(cloud), await makeReplicatedVault(cloud)]
  await createReplica(cloud, unlinked)
  await cloud.settle()
  keep(a)
  await makeKey(cloud, vaultId, { retryToken: 'since' })
  await call(a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'since' }, { headers: { 'opc-retry-token': 'w' } })
  const policy = { compartmentId: tenancyId, name: 'since', description: 'd' }
  const statements = ['Allow group Administrators to read vaults in tenancy']
  const made = await call(a, 'POST', '/20160918/policies', { ...policy, statements })
  await call(a, 'POST', '/20160918/policies', { ...policy, statements, name: 'since too' })
  await call(a, 'DELETE', `/20160918/policies/${String(made.body['id'])}`)
  await deleteReplica(cloud, unlinked)
  await deleteReplica(cloud, again)
  await cloud.settle()
  await createReplica(cloud, again)
  await makeReplicatedVault(cloud)
  // One of the other region, whose replica here is made since.
  const there = { ...cloud, a: b }
  await createReplica(there, await makeVault(there), regionA)
  await cloud.settle()
  putBack(a)
  const asked = ({ runtime }: TestRegion): PutBackRegion => {
    const ports = { runtime, tenancyIds: [tenancyId], known: () => Promise.resolve(0) }
    const steps = recoverSteps(ports)
    return {
      ...steps,
      name: runtime.region,
      standingVaults: async (id) => (await steps.vaultsAfter(id, null)).vaults,
      endPutBack: () => Promise.resolve(),
    }
  }
  const found = { has: 1, knows: 2 }
  const from = { homeRegion: a.runtime.region, tenancyIds: [tenancyId] }
  const recovered = await asOperator(() => recover(from, asked(a), [asked(b)], found, a.runtime.log))
  await cloud.settle()
  return recovered
}

/** As `npm run put-back -- --do copy` does: the audit, the HSM's state and what is known of the peers stay. */
const isCopied = `tbl <> 'Audit' AND NOT (tbl = 'Replication' AND pk IN ('hsm', 'peerMark'))`

function keep({ store }: TestRegion): void {
  store.database.exec(`CREATE TEMP TABLE kept AS SELECT * FROM item WHERE ${isCopied}`)
}

function putBack({ store }: TestRegion): void {
  store.database.exec(`DELETE FROM item WHERE ${isCopied}; INSERT INTO item SELECT * FROM kept; DROP TABLE kept`)
}
