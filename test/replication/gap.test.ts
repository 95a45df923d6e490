import { materialIdOf } from '../../lib/ocid.ts'
import { coverageOf } from '../../lib/replication/coverage.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { signMessage } from '../../lib/replication/messages/signedMessage.ts'
import { regionB, twoRegions } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

test('a replica that lacks a version covers only what it has, however new the key’s own row is', async () => {
  const cloud = await twoRegions()
  try {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    const keyId = String(body['id'])
    await cloud.settle()
    cloud.link.isUp = false
    const target = `/20180608/keys/${keyId}/keyVersions`
    for (let count = 0; count < 2; count += 1) await cloud.call(cloud.a, 'POST', target, {}, { host: vaultId })
    const vault = await cloud.a.runtime.cache.freshVault(vaultId)
    const key = vault && (await cloud.a.runtime.cache.freshKey(vault.keys, keyId))
    if (vault === undefined || key === undefined) throw new Error('The key is missing.')
    const current = await cloud.a.runtime.cache.freshVersion(
      vault.keys,
      keyId,
      materialIdOf(key.currentKeyVersion) ?? '',
    )
    const record = {
      format: 'vaultspan/key-record/2',
      key: { ...key },
      versions: current === undefined ? [] : [{ ...current }],
      isLast: true,
      request: null,
    } as const
    const of = { tenancyId: cloud.tenancyId, destination: regionB }
    const sent = { kind: 'records', vaultId, fence: vault.row.fence, records: [record] } as const
    await workInbox(cloud.b.runtime, [await signMessage(cloud.a.hsm, of, cloud.clock.now, sent)])
    const covered = async () => (await coverageOf(cloud.b.runtime, vault, keyId))?.whole?.revision
    expect(await covered()).toBe(2)
    cloud.link.isUp = true
    await cloud.settle()
    expect(await covered()).toBe(key.revision)
  } finally {
    cloud.close()
  }
})
