import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { regionB, twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'

let cloud: TestCloud
beforeEach(async () => {
  cloud = await twoRegions({ logLevel: 'error' })
})
afterEach(() => {
  cloud.close()
})

async function makeVault(): Promise<string> {
  const { status, body } = await cloud.call(cloud.a, 'POST', '/20180608/vaults', {
    compartmentId: cloud.tenancyId,
    displayName: 'v',
    vaultType: 'VIRTUAL_PRIVATE',
  })
  expect([status, body]).toEqual([200, expect.objectContaining({ lifecycleState: 'ACTIVE' })])
  return String(body['id'])
}

function makeKey(vaultId: string, keyShape: object = { algorithm: 'AES', length: 32 }): Promise<Answered> {
  const body = { compartmentId: cloud.tenancyId, displayName: 'k', keyShape }
  return cloud.call(cloud.a, 'POST', '/20180608/keys', body, { host: vaultId })
}

async function replicate(vaultId: string): Promise<Answered> {
  await cloud.call(cloud.a, 'POST', '/20160918/policies', {
    compartmentId: cloud.tenancyId,
    name: 'replication',
    description: 'lets the service replicate',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  return cloud.call(cloud.a, 'POST', `/20180608/vaults/${vaultId}/actions/createReplica`, { replicaRegion: regionB })
}

describe('a replicated vault', () => {
  test('decrypts in the replica what was encrypted in the source', async () => {
    const vaultId = await makeVault()
    const old = await makeKey(vaultId)
    expect([old.status, old.body]).toEqual([
      200,
      expect.objectContaining({ lifecycleState: 'ENABLED', replicaDetails: null }),
    ])
    const { status } = await replicate(vaultId)
    expect(status).toBe(202)
    await cloud.settle()
    const replicas = await cloud.call(cloud.a, 'GET', `/20180608/vaults/${vaultId}/actions/listReplicas`)
    expect(replicas.list).toEqual([expect.objectContaining({ region: regionB, status: 'CREATED' })])
    const fresh = await makeKey(vaultId)
    expect([fresh.status, fresh.body]).toEqual([200, expect.objectContaining({ lifecycleState: 'ENABLED' })])
    await cloud.settle()
    for (const key of [old, fresh]) {
      const keyId = key.body['id']
      const encrypted = await cloud.call(
        cloud.a,
        'POST',
        '/20180608/encrypt',
        { keyId, plaintext: 'aGVsbG8=' },
        { host: vaultId },
      )
      expect([encrypted.status, encrypted.body]).toEqual([200, expect.objectContaining({ keyId })])
      const { ciphertext } = encrypted.body
      const decrypted = await cloud.call(cloud.b, 'POST', '/20180608/decrypt', { keyId, ciphertext }, { host: vaultId })
      expect([decrypted.status, decrypted.body]).toEqual([
        200,
        expect.objectContaining({ plaintext: 'aGVsbG8=', plaintextChecksum: expect.any(String) }),
      ])
    }
  })
})
