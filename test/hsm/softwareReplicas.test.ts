import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../harness/until.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { requireReplicasInTokens } from '../../local/hsm/softwareReplicas.ts'
import { tokenStatus } from '../../local/hsm/tokenStatus.ts'
import { rotateRoot } from '../../local/hsm/rotateRoot.ts'
import { vaultSk } from '../../lib/kms/rows/rows.ts'
import { parseOcid } from '../../lib/ocid.ts'
import { linkKey } from '../../lib/replication/link/links.ts'
import { SqliteDatabase } from '../../lib/store/sqlite/sqliteDatabase.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf } from '../local/signedCaller.ts'
import { createVault, replicate } from '../local/vaultSteps.ts'
import { describeWithToken, pins, softHsmPath } from './tokens/softHsm.ts'

const regions = ['eu-test-1', 'us-test-1']
const [eu = '', us = ''] = regions

test.each([
  ['its replica has taken them, of which an older version has noted nothing', { handOffTo: us }, {}, true],
  ['they were sent, and nobody has said that they are there', { handOffTo: null }, { replicaKeys: 'simulated' }, true],
  ['they were refused', { handOffTo: null }, {}, false],
] as const)('a start looks at a vault’s keys where %s', (_, ofVault, ofLink, isRefused) => {
  const database = new SqliteDatabase(':memory:')
  const put = database.prepare('INSERT INTO item (tbl, pk, sk, body) VALUES (?, ?, ?, ?)')
  const id = parseOcid('ocid1.vault.oc1.iad.p.v', 'vaultId')
  const row = {
    id,
    primaryRegion: eu,
    replicaRegion: us,
    lifecycleState: 'ACTIVE',
    fence: 1,
    ...ofVault,
  }
  const { pk, sk } = linkKey(row)
  put.run('Vaults', id, vaultSk, JSON.stringify(row))
  put.run('Replication', pk, sk, JSON.stringify(ofLink))
  const tokens = { module: '', pinFile: '', label: 'l', regions: [eu], allowsSoftwareReplicas: false }
  const look = () => {
    requireReplicasInTokens({ database }, eu, tokens, { file: () => undefined })
  }
  if (isRefused) expect(look).toThrow(`Vault ${id} has a replica in ${us}`)
  else look()
  database.close()
})

describeWithToken('a region in a token beside a simulated one', () => {
  let count = 0
  let label: string
  let folder: string
  let cloud: Cloud | undefined
  const logged: string[] = []

  const settings = (allowsSoftwareReplicas: boolean) => {
    const pinFile = join(folder, 'user.pin')
    writeFileSync(pinFile, pins.pin, { mode: 0o600 })
    return { module: softHsmPath ?? '', pinFile, label, regions: [eu], allowsSoftwareReplicas }
  }
  const start = async (allowsSoftwareReplicas: boolean) => {
    cloud = await startCloud({
      directory: join(folder, 'data'),
      port: await suiteBase(),
      regions,
      settings: { tokens: settings(allowsSoftwareReplicas), requiresServicePolicy: false },
      generateRsa: knownRsaPair,
      log: {
        info: () => undefined,
        warn: (message) => logged.push(message),
        error: (message, cause) => logged.push(`${message} ${String(cause)}`),
      },
    })
    return cloud
  }
  const stop = async () => {
    await cloud?.close()
    cloud = undefined
  }
  const status = async () => {
    const { lines, isFit } = await tokenStatus(settings(true), [eu], join(folder, 'data'))
    expect(isFit).toBe(true)
    return lines.join('\n')
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-beside-'))
    label = `beside ${process.pid} ${(count += 1)}`
  })

  afterEach(async () => {
    await stop()
    rmSync(folder, { recursive: true })
  })

  test('does not start where a vault of its own has a replica there and that is not allowed any more; status counts tokens', async () => {
    const tokens = { data: join(folder, 'data'), module: softHsmPath ?? '', label, regions: [eu], ...pins }
    initTokens({ ...tokens, privateVaults: 2 })
    expect(await status()).toContain('tokens for private vaults: 2 free, 0 taken, 0 spent')
    const { tenancyId } = await start(false)
    // A vault whose primary is simulated goes where it likes.
    await replicate(caller(), endpoint(us), await createVault(caller(), endpoint(us), tenancyId), eu)
    await cloud?.idle()
    // However often they are asked for: at the start, and with each change of identity.
    expect(logged).toEqual([
      expect.stringMatching(/^The tenancy's backup keys do not go from eu-test-1 to us-test-1, .*\.$/),
    ])
    await stop()

    await start(true)
    const own = await createVault(caller(), endpoint(eu), tenancyId, 'VIRTUAL_PRIVATE')
    await replicate(caller(), endpoint(eu), own, us)
    await cloud?.idle()
    expect(await status()).toContain('tokens for private vaults: 1 free, 1 taken, 0 spent')
    expect(await status()).not.toContain('rotation')
    await stop()
    await expect(start(false)).rejects.toThrow(`Vault ${own.id} has a replica in ${us}, which is simulated`)
    await start(true)
    const region = cloud?.parts.find(({ name }) => name === eu)
    await region?.hsm.rotation.begin()
    expect(await status()).toContain('a rotation of its root is under way')
    if (region !== undefined) await rotateRoot(region)
    expect(await status()).not.toContain('rotation')
  })

  test('says in the audit that keys may go on to a process, when that is over, and where each replica’s keys went', async () => {
    initTokens({
      data: join(folder, 'data'),
      module: softHsmPath ?? '',
      label,
      regions: [eu],
      privateVaults: 0,
      ...pins,
    })
    const { tenancyId } = await start(false)
    expect(await eventsOf(eu, 'SetSoftwareReplicas')).toEqual([])
    for (const allows of [true, true, false, false, true]) {
      await stop()
      await start(allows)
    }
    const set = (was: string, is: string) => ({
      previous: { PKCS11_SOFTWARE_REPLICAS: was },
      current: { PKCS11_SOFTWARE_REPLICAS: is },
    })
    const inOrder = [set('off', 'on'), set('on', 'off'), set('off', 'on')]
    expect(await eventsOf(eu, 'SetSoftwareReplicas')).toEqual(inOrder)
    expect(await eventsOf(us, 'SetSoftwareReplicas')).toEqual([])
    await replicate(caller(), endpoint(eu), await createVault(caller(), endpoint(eu), tenancyId), us)
    await replicate(caller(), endpoint(us), await createVault(caller(), endpoint(us), tenancyId), eu)
    await cloud?.idle()
    const ended = 'CreateVaultReplica.end'
    expect(await eventsOf(eu, ended)).toMatchObject([{ current: { replicaKeys: 'simulated', replicaRegion: us } }])
    expect(await eventsOf(us, ended)).toMatchObject([{ current: { replicaKeys: 'token', replicaRegion: eu } }])
  })

  test('says in the audit and in its health that it sends no keys to a process, once for the backup keys and once for each vault', async () => {
    const tokens = { data: join(folder, 'data'), module: softHsmPath ?? '', label, regions: [eu], ...pins }
    initTokens({ ...tokens, privateVaults: 0 })
    const { tenancyId } = await start(false)
    const { id } = await createVault(caller(), endpoint(eu), tenancyId)
    await caller()('POST', `${endpoint(eu)}/20180608/vaults/${id}/actions/createReplica`, { replicaRegion: us })
    const refusedOf = async () => {
      const found = (await eventsOf(eu, 'RefuseVaultTransfer')) as readonly { current: { reason: string } }[]
      return found.filter(({ current }) => current.reason.includes(id))
    }
    await until(async () => (await refusedOf()).length > 0)
    const part = cloud?.parts.find(({ name }) => name === eu)
    expect((await part?.health())?.links).toMatchObject([{ peer: us, vaults: 1, behind: 1, refused: 1 }])
    await part?.runDue()
    await cloud?.idle()
    const kept = expect.stringContaining('PKCS11_SOFTWARE_REPLICAS=on') as unknown
    const current = { source: eu, destination: us, reason: kept }
    expect(await refusedOf()).toMatchObject([{ current }])
    expect(await eventsOf(eu, 'RefuseVaultTransfer')).toMatchObject([{ current }, { current }])
  })

  test('a replica that was refused stops no start, is deleted without the setting, and does not go because that is turned on', async () => {
    const tokens = { data: join(folder, 'data'), module: softHsmPath ?? '', label, regions: [eu], ...pins }
    initTokens({ ...tokens, privateVaults: 0 })
    const { tenancyId } = await start(false)
    const [gone, asked] = [
      await createVault(caller(), endpoint(eu), tenancyId),
      await createVault(caller(), endpoint(eu), tenancyId),
    ]
    const ask = (action: 'createReplica' | 'deleteReplica', { id }: { readonly id: string }) =>
      caller()('POST', `${endpoint(eu)}/20180608/vaults/${id}/actions/${action}`, { replicaRegion: us })
    const replicasOf = async ({ id }: { readonly id: string }) =>
      (await caller()('GET', `${endpoint(eu)}/20180608/vaults/${id}/actions/listReplicas`)).list
    for (const each of [gone, asked]) await ask('createReplica', each)
    await cloud?.idle()
    await stop()

    await start(false)
    await ask('deleteReplica', gone)
    await cloud?.idle()
    expect(await replicasOf(gone)).toEqual([])
    await stop()

    await start(true)
    await cloud?.parts.find(({ name }) => name === eu)?.runDue()
    await cloud?.idle()
    expect(await replicasOf(asked)).toMatchObject([{ status: 'CREATING' }])
    await replicate(caller(), endpoint(eu), asked, us)
    await stop()
    await expect(start(false)).rejects.toThrow(
      `Vault ${asked.id} has a replica in ${us}, which is simulated and has its keys`,
    )
  })

  /** What each says of the state before and after, the oldest first. */
  async function eventsOf(region: string, operation: string): Promise<readonly unknown[]> {
    const range = 'startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z'
    const tenancyId = cloud?.tenancyId ?? ''
    const path = `/20190901/auditEvents?compartmentId=${tenancyId}&${range}`
    const { list } = await caller()('GET', `${endpoint(region)}${path}`)
    return list
      .filter(({ eventType }) => String(eventType).endsWith(`.${operation}`))
      .toSorted((one, other) => (String(one['eventTime']) < String(other['eventTime']) ? -1 : 1))
      .map(({ data }) => (data as { readonly stateChange: unknown }).stateChange)
  }

  function caller() {
    if (cloud === undefined) throw new Error('It was not started.')
    return callerOf(cloud)
  }

  function endpoint(region: string): string {
    return cloud?.regions.find((each) => each.region === region)?.endpoint ?? ''
  }
})
