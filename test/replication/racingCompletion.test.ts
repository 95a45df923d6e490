import { keySk, type KeyRow, type KeyVersionRow } from '../../lib/kms/rows/rows.ts'
import { listAtRisk } from '../../lib/replication/atRisk.ts'
import { fanOut } from '../../lib/replication/fanOut.ts'
import { regionB, twoRegions } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

test('a change that another request completes meanwhile waits to be sent again; it is not at risk, and its peer counts as there', async () => {
  const cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  await cloud.settle()
  const keyId = String((await makeKey(cloud, vaultId)).body['id'])
  const { runtime, store } = cloud.a
  // As the rows stood from their commit to the end of the hand-off, which is all that this reader sees.
  const changes = (await store.tables.readChanges(0, 1000)).filter(({ pk }) => pk === keyId)
  const stale = (isIt: (sk: string) => boolean) => changes.find(({ sk }) => isIt(sk))?.new as unknown
  const cache = Object.assign(Object.create(runtime.cache) as typeof runtime.cache, {
    freshVault: () => runtime.cache.freshVault(vaultId),
    freshKey: async () => stale((sk) => sk === keySk) as KeyRow,
    freshVersion: async () => stale((sk) => sk !== keySk) as KeyVersionRow,
  })
  const warnings: string[] = []
  const log = { ...runtime.log, warn: (line: string) => warnings.push(line) }
  await fanOut({ ...runtime, cache, log }, { kind: 'key', vaultId, keyId })
  expect(warnings).toEqual([])
  expect((await listAtRisk(store.tables, regionB, 10)).items).toEqual([])
  const [left] = await store.queues.receive('outbox', 10)
  expect(JSON.parse(left?.body ?? '')).toMatchObject({ task: 'resendKey', keyId })
  cloud.close()
})
