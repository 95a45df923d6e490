import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { troubles } from '../../local/status/statusText.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext } from '../local/vaultSteps.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './softHsm.ts'

describeWithToken('a private vault whose token is away', () => {
  const label = `away ${process.pid}`
  const region = 'eu-test-1'
  const tokens = join(dirname(process.env['SOFTHSM2_CONF'] ?? ''), 'tokens')
  let folder: string
  let cloud: Cloud
  let call: SignedCaller
  let away: string | undefined

  const open = async () => {
    const pinFile = join(folder, 'user.pin')
    cloud = await startCloud({
      directory: join(folder, 'data'),
      port: await suiteBase(),
      regions: [region],
      settings: {
        tokens: { module: softHsmPath ?? '', pinFile, label, regions: null, allowsSoftwareReplicas: false },
      },
      generateRsa: knownRsaPair,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    })
    call = callerOf(cloud)
  }
  const home = () => cloud.regions[0]?.endpoint ?? ''
  const directoryOf = (name: string) =>
    readdirSync(tokens).find((each) => {
      const file = join(tokens, each, 'token.object')
      return existsSync(file) && readFileSync(file, 'latin1').includes(name)
    }) ?? ''

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-away-'))
    writeFileSync(join(folder, 'user.pin'), pins.pin, { mode: 0o600 })
    const [data, module] = [join(folder, 'data'), softHsmPath ?? '']
    initTokens({ data, module, label, regions: [region], privateVaults: 2, ...pins })
    await open()
  })

  afterEach(async () => {
    await cloud.close()
    if (away !== undefined) renameSync(join(folder, away), join(tokens, away))
    rmSync(folder, { recursive: true })
  })

  async function aVaultWithAKey() {
    const vault = await createVault(call, home(), cloud.tenancyId, 'VIRTUAL_PRIVATE')
    const key = await createKey(call, vault, cloud.tenancyId)
    return { vault, key, ciphertext: await encrypt(call, vault.endpoint, key) }
  }

  test('alone answers 503: it is listed with the others, which serve, and the region’s health names it', async () => {
    const [lost, other] = [await aVaultWithAKey(), await aVaultWithAKey()]
    await cloud.close()
    away = directoryOf(`${label} ${region} #1`)
    renameSync(join(tokens, away), join(folder, away))
    softHsm().restart()
    await open()
    const list = () => call('GET', `${home()}/20180608/vaults?compartmentId=${cloud.tenancyId}`)
    const shown = await list()
    expect(shown.status).toBe(200)
    expect(shown.list.map((each) => String(each['id'])).sort()).toEqual([lost.vault.id, other.vault.id].sort())
    const crypto = async (id: string) => {
      const { status, body } = await call('GET', `${home()}/20180608/vaults/${id}`)
      expect(status).toBe(200)
      return String(body['cryptoEndpoint'])
    }
    const details = { keyId: lost.key, ciphertext: lost.ciphertext }
    const refused = await call('POST', `${await crypto(lost.vault.id)}/20180608/decrypt`, details)
    expect(refused).toMatchObject({ status: 503, body: { code: 'ServiceUnavailable' } })
    expect(refused.body['message']).toContain(`${label} ${region} #1`)
    expect(await decrypt(call, await crypto(other.vault.id), other.key, other.ciphertext)).toBe(plaintext)
    const health = await cloud.parts[0]?.health()
    expect(health).toMatchObject({ status: 'degraded', isHsmAnswering: true, awayTokens: [`${label} ${region} #1`] })
    expect(health && troubles(health)).toContainEqual(
      expect.objectContaining({ says: `token ${label} ${region} #1 does not answer: its private vault answers 503` }),
    )

    // Back again, it serves without a restart of the service; SoftHSM sees it when it is started anew.
    renameSync(join(folder, away), join(tokens, away))
    away = undefined
    softHsm().restart()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await decrypt(call, await crypto(lost.vault.id), lost.key, lost.ciphertext)).toBe(plaintext)
    expect(await cloud.parts[0]?.health()).toMatchObject({ status: 'ok' })
  })
})
