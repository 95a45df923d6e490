import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { tokenStatus } from '../../local/hsm/tokenStatus.ts'
import { rotateRoot } from '../../local/hsm/rotateRoot.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf } from '../local/signedCaller.ts'
import { createVault, replicate } from '../local/vaultSteps.ts'
import { describeWithToken, pins, softHsmPath } from './softHsm.ts'

const regions = ['eu-test-1', 'us-test-1']
const [eu = '', us = ''] = regions

describeWithToken('a region in a token beside a simulated one', () => {
  const label = `beside ${process.pid}`
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
      expect.stringMatching(/^The backup keys of the tenancy \S+ are in a token and do not go to us-test-1, .*\.$/),
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

  function caller() {
    if (cloud === undefined) throw new Error('It was not started.')
    return callerOf(cloud)
  }

  function endpoint(region: string): string {
    return cloud?.regions.find((each) => each.region === region)?.endpoint ?? ''
  }
})
