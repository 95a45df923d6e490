import { mkdtempSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { askService } from '../../local/control/askService.ts'
import { startCloud, type Cloud, type CloudOptions } from '../../local/cloud/startCloud.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import type { CloudStatus } from '../../local/status/cloudStatus.ts'
import { statusText, troubles } from '../../local/status/statusText.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext } from '../local/vaultSteps.ts'
import { name } from './tokens/custodiansPlace.ts'
import { placesOf } from './tokens/placesOf.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

describeWithToken('a token that is away', () => {
  let label: string
  const region = 'eu-test-1'
  const tokens = join(dirname(process.env['SOFTHSM2_CONF'] ?? ''), 'tokens')
  let folder: string
  let cloud: Cloud
  let call: SignedCaller
  let away: string | undefined

  const open = async (more: Partial<CloudOptions> = {}, settings: CloudOptions['settings'] = {}) => {
    const pinFile = join(folder, 'user.pin')
    cloud = await startCloud({
      directory: join(folder, 'data'),
      port: await suiteBase(),
      regions: [region],
      settings: {
        ...settings,
        tokens: { module: softHsmPath ?? '', pinFile, label, regions: null, allowsSoftwareReplicas: false },
      },
      generateRsa: knownRsaPair,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      ...more,
    })
    call = callerOf(cloud)
  }
  const home = () => cloud.regions[0]?.endpoint ?? ''
  const directoryOf = (tokenLabel: string) => placesOf(tokenLabel, tokens)[0] ?? ''
  const takeAway = (tokenLabel: string) => {
    away = directoryOf(tokenLabel)
    renameSync(join(tokens, away), join(folder, away))
    softHsm().restart()
  }
  const bringBack = async () => {
    renameSync(join(folder, away ?? ''), join(tokens, away ?? ''))
    away = undefined
    softHsm().restart()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
  }

  beforeEach(async () => {
    label = `away ${name()}`
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

  test('of a private vault: that alone answers 503: it is listed with the others, which serve, and the region’s health names it', async () => {
    const [lost, other] = [await aVaultWithAKey(), await aVaultWithAKey()]
    await cloud.close()
    takeAway(`${label} ${region} #1`)
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
    await bringBack()
    expect(await decrypt(call, await crypto(lost.vault.id), lost.key, lost.ciphertext)).toBe(plaintext)
    expect(await cloud.parts[0]?.health()).toMatchObject({ status: 'ok' })
  })

  test('of a private vault, or damaged on its disk: the start and healthz name it before anybody uses the vault', async () => {
    const { vault } = await aVaultWithAKey()
    await cloud.close()
    const damaged = join(tokens, directoryOf(`${label} ${region} #1`))
    const objects = readdirSync(damaged).filter((file) => file.endsWith('.object') && file !== 'token.object')
    for (const file of objects) truncateSync(join(damaged, file), 100)
    softHsm().restart()
    const warned = Promise.withResolvers<string>()
    const warn = (message: string) => {
      if (message.includes('#1')) warned.resolve(message)
    }
    await open({ log: { info: () => undefined, warn, error: () => undefined } })
    expect(await warned.promise).toContain(`token ${label} ${region} #1 does not answer: its private vault answers 503`)
    expect(await cloud.parts[0]?.health()).toMatchObject({
      status: 'degraded',
      isHsmAnswering: true,
      awayTokens: [`${label} ${region} #1`],
    })
    expect((await call('GET', `${home()}/20180608/vaults/${vault.id}`)).status).toBe(200)
  })

  test('of a region: status and healthz say so, and count the vaults that nobody has opened since the start', async () => {
    await createVault(call, home(), cloud.tenancyId)
    const { vault, key, ciphertext } = await aVaultWithAKey()
    await cloud.close()
    await open({ isScheduled: false }, { preparesKeys: false })
    takeAway(`${label} ${region}`)
    const state = JSON.parse(await askService(join(folder, 'data'), 'state')) as CloudStatus
    expect(state.regions).toMatchObject([
      { status: 'degraded', vaults: 2, replicas: 0, health: { isHsmAnswering: false } },
    ])
    expect(statusText(state)).toContain('its HSM does not answer')
    expect(state.regions[0]).not.toHaveProperty('unverified')
    await bringBack()
    expect(await decrypt(call, vault.endpoint, key, ciphertext)).toBe(plaintext)
  })
})
