import { tokenLabel } from '../../local/hsm/tokenSettings.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { whenThere } from '../harness/until.ts'
import { initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { callerOf, signing, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext } from '../local/vaultSteps.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

describeWithToken('a cloud whose token fails', () => {
  const label = `cloud ${process.pid}`
  const regions = ['eu-test-1', 'us-test-1']
  let cloud: Cloud
  let call: SignedCaller
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-token-service-'))
    const pinFile = join(folder, 'user.pin')
    writeFileSync(pinFile, pins.pin, { mode: 0o600 })
    const module = softHsmPath ?? ''
    for (const region of regions) initToken({ module: softHsm(), label: tokenLabel({ label }, region), ...pins })
    const tokens = { module, pinFile, label, regions: null, allowsSoftwareReplicas: false }
    cloud = await startCloud({
      directory: ':memory:',
      port: 0,
      regions,
      isScheduled: false,
      settings: { tokens },
      generateRsa: knownRsaPair,
    })
    call = callerOf(cloud)
  })

  afterAll(async () => {
    await cloud.close()
    rmSync(folder, { recursive: true })
  })

  test('answers 503 with Retry-After once and 200 after it, and says so in /healthz', async () => {
    const origin = cloud.regions[0]?.endpoint ?? ''
    const health = async () => (await (await fetch(`${origin}/healthz`)).json()) as Record<string, unknown>
    const vault = await createVault(call, origin, cloud.tenancyId)
    const key = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, key)
    await cloud.idle()
    expect(await health()).toMatchObject({
      hsm: expect.stringContaining('PKCS#11 token') as string,
      isHsmAnswering: true,
    })
    const slot = softHsm().slotOf(tokenLabel({ label }, 'eu-test-1')) ?? -1
    /** What comes of it when the token fails. Signing the audit's head, every ten seconds, may meet the failure first. */
    const failing = <T>(ask: () => Promise<T>, isMet: (answer: T) => boolean): Promise<T> => {
      return whenThere(async () => {
        softHsm().call('C_CloseAllSessions', slot)
        const answer = await ask()
        return isMet(answer) ? answer : undefined
      })
    }
    const { userId, fingerprint, privateKeyPem } = cloud.administrator
    const signed = signing({ keyId: `${cloud.tenancyId}/${userId}/${fingerprint}`, privateKeyPem })
    const url = `${vault.endpoint}/20180608/encrypt`
    const { headers, text } = signed('POST', url, { keyId: key, plaintext })
    const asked = () => fetch(url, { method: 'POST', headers, body: text ?? '' })
    const answer = await failing(asked, ({ status }) => status !== 200)
    expect({ status: answer.status, after: answer.headers.get('retry-after') }).toEqual({ status: 503, after: '1' })
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining('The HSM does not answer') as string })
    expect(await decrypt(call, vault.endpoint, key, ciphertext)).toBe(plaintext)
    const answering = async () => {
      const text = await (await fetch(`${origin}/metrics`)).text()
      return /^vaultspan_hsm_answering ([01])$/m.exec(text)?.[1]
    }
    expect(await answering()).toBe('1')
    expect(await failing(health, ({ isHsmAnswering }) => isHsmAnswering === false)).toMatchObject({
      status: 'degraded',
    })
    expect(await failing(answering, (is) => is === '0')).toBe('0')
  })
})
