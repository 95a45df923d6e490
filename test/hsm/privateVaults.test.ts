import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { PartitionCounts } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { tokenStatus } from '../../local/hsm/tokenStatus.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate } from '../local/vaultSteps.ts'
import { realm } from './contract/fixtures.ts'
import { describeWithToken, pins, softHsmPath } from './tokens/softHsm.ts'

const day = 86_400_000

describeWithToken('a cloud whose private vaults have tokens of their own', () => {
  const label = `private ${process.pid}`
  const regions = ['eu-test-1', 'us-test-1']
  let folder: string
  /** After hsm init, before the start. */
  let said = ''
  let cloud: Cloud
  let call: SignedCaller
  const refusals: string[] = []
  let home: string
  let away: string

  const open = async (privateVaults: number) => {
    const pinFile = join(folder, 'user.pin')
    writeFileSync(pinFile, pins.pin, { mode: 0o600 })
    const data = join(folder, 'data')
    const module = softHsmPath ?? ''
    const lines = initTokens({ data, module, label, regions, privateVaults, ...pins })
    const tokens = { module, pinFile, label, regions: null, allowsSoftwareReplicas: false }
    said = (await tokenStatus(tokens, regions, data)).lines.join()
    cloud = await startCloud({
      directory: data,
      port: await suiteBase(),
      regions,
      settings: { tokens, ...noHurry },
      generateRsa: knownRsaPair,
      log: { info: () => undefined, warn: () => undefined, error: (_message, cause) => refusals.push(String(cause)) },
    })
    call = callerOf(cloud)
    ;[home = '', away = ''] = cloud.regions.map(({ endpoint }) => endpoint)
    return lines.map((line) => line.trim().split(/ {2,}/))
  }

  const counts = () =>
    cloud.parts.map(({ hsm }): PartitionCounts | undefined =>
      hsm instanceof Pkcs11Hsm ? hsm.partitionCounts() : undefined,
    )

  const create = (origin = home) => createVault(call, origin, cloud.tenancyId, 'VIRTUAL_PRIVATE')

  /** Its deletion, and a month. */
  const deleted = async (vaultId: string) => {
    const { status } = await call('POST', `${home}/20180608/vaults/${vaultId}/actions/scheduleDeletion`, {})
    expect(status).toBe(200)
    await cloud.idle()
    await cloud.faults.advance(31 * day)
    await cloud.idle()
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-private-'))
    await open(2)
  })

  afterAll(async () => {
    await cloud.close()
    rmSync(folder, { recursive: true })
  })

  test('from a pool that runs empty, over replication, backup, deletion and restore, to tokens that are made anew', async () => {
    const { status } = await call('POST', `${home}/20160918/policies`, {
      compartmentId: cloud.tenancyId,
      name: 'replication',
      description: 'for replicas',
      statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
    })
    expect(status).toBe(200)
    const vault = await create()
    const key = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, key)
    const replica = await replicate(call, home, vault, 'us-test-1')
    expect(counts()).toEqual([
      { free: 1, taken: 1, spent: 0 },
      { free: 1, taken: 1, spent: 0 },
    ])
    expect(await decrypt(call, replica, key, ciphertext)).toBe(plaintext)

    // The pool is empty with the second; a virtual vault needs none.
    const second = await create()
    const body = { compartmentId: cloud.tenancyId, displayName: 'third', vaultType: 'VIRTUAL_PRIVATE' }
    const third = await call('POST', `${home}/20180608/vaults`, body)
    expect(third).toMatchObject({ status: 400, body: { code: 'LimitExceeded' } })
    expect(third.body['message']).toContain('hsm init --private')
    const seen = async (path: string) => await (await fetch(`${home}${path}`)).text()
    expect(JSON.parse(await seen('/healthz'))).toMatchObject({
      status: 'ok',
      privateTokens: { free: 0, taken: 2, spent: 0 },
    })
    expect(await seen('/metrics')).toContain('vaultspan_hsm_private_tokens{state="free"} 0\n')
    await createVault(call, home, cloud.tenancyId)

    const backup = await call('POST', `${home}/20180608/vaults/${vault.id}/actions/backup`, {
      backupLocation: { destination: 'BUCKET', bucketName: 'b', namespace: 'n', objectName: 'o' },
      isIncludeKeys: true,
    })
    expect(backup.status).toBe(200)

    await deleted(vault.id)
    expect(counts()).toEqual([
      { free: 0, taken: 1, spent: 1 },
      { free: 1, taken: 0, spent: 1 },
    ])
    expect(await call('GET', `${home}/20180608/vaults/${vault.id}`)).toMatchObject({
      status: 200,
      body: { lifecycleState: 'DELETED' },
    })
    const restore = (origin: string) =>
      call('POST', `${origin}/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${cloud.tenancyId}`, {
        backupLocation: { destination: 'BUCKET', bucketName: 'b', namespace: 'n', objectName: 'o' },
      })
    expect(await restore(home)).toMatchObject({ status: 400, body: { code: 'LimitExceeded' } })
    // Elsewhere it comes back under another name, in a token of its own there.
    expect(await restore(away)).toMatchObject({ status: 200, body: { lifecycleState: 'ACTIVE' } })
    expect(counts()[1]).toEqual({ free: 0, taken: 1, spent: 1 })

    await cloud.close()
    expect(await open(2)).toEqual([
      [`${label} eu-test-1`, 'was there with its roots; nothing is changed'],
      [`${label} eu-test-1 #1`, 'was spent; it is initialized anew, with new roots'],
      [`${label} eu-test-1 #2`, 'was there with its roots; nothing is changed'],
      [`${label} us-test-1`, 'was there with its roots; nothing is changed'],
      [`${label} us-test-1 #1`, 'was spent; it is initialized anew, with new roots'],
      [`${label} us-test-1 #2`, 'was there with its roots; nothing is changed'],
    ])
    expect(said).toMatch(/eu-test-1 {2}tokens for private vaults: 1 free, 1 taken, 0 spent,/)
    const restored = await restore(home)
    expect(restored).toMatchObject({ status: 200, body: { id: vault.id, lifecycleState: 'ACTIVE' } })
    expect(await decrypt(call, String(restored.body['cryptoEndpoint']), key, ciphertext)).toBe(plaintext)
    await createKey(call, { ...second, endpoint: await endpointOf(second.id) }, cloud.tenancyId)
    expect(counts()[0]).toEqual({ free: 0, taken: 2, spent: 0 })
  })

  test('a token that a crash left taken for a vault that never was is free after the next start', async () => {
    const none = { realm, tenancyId: cloud.tenancyId, vaultId: 'ocid1.vault.oc1.us-test-1.v.none', isPrivate: true }
    await cloud.close()
    await open(3)
    const { free = 0, taken = 0 } = counts()[1] ?? {}
    await cloud.parts[1]?.hsm.createVaultKeys(none)
    expect(counts()[1]).toMatchObject({ free: free - 1, taken: taken + 1 })
    await cloud.close()
    await open(3)
    expect(counts()[1]).toMatchObject({ free, taken })
    expect(counts()[0]).toMatchObject({ taken: 2 })
  })

  test('a replica waits for a token where there is none, and goes on when there is one', async () => {
    while ((counts()[1]?.free ?? 0) > 0) await create(away)
    const vault = await create()
    const url = `${home}/20180608/vaults/${vault.id}/actions`
    expect((await call('POST', `${url}/createReplica`, { replicaRegion: 'us-test-1' })).status).toBe(202)
    await cloud.idle()
    expect((await call('GET', `${url}/listReplicas`)).list[0]).toMatchObject({ status: 'CREATING' })
    expect(refusals.join()).toContain('No token is free for another private vault')
    await cloud.close()
    await open(4)
    await replicate(call, home, vault, 'us-test-1')
    expect(counts()[1]).toMatchObject({ free: 0, taken: 4, spent: 0 })
    // Its token is emptied when the replica is deleted, and the source's is not.
    const before = counts()[0]
    expect((await call('POST', `${url}/deleteReplica`, { replicaRegion: 'us-test-1' })).status).toBe(202)
    await cloud.idle()
    expect(counts()).toEqual([before, { free: 0, taken: 3, spent: 1 }])
  })

  async function endpointOf(vaultId: string): Promise<string> {
    const { body } = await call('GET', `${home}/20180608/vaults/${vaultId}`)
    return String(body['managementEndpoint'])
  }
})
