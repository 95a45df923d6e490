import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TokenState } from '../../lib/hsm/pkcs11/roots/tokenState.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { rotateRoot } from '../../local/hsm/rotateRoot.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext } from '../local/vaultSteps.ts'

describe('a simulated region’s HSM state that was put back to an older copy', () => {
  const region = 'eu-test-1'
  let folder: string
  let data: string
  let cloud: Cloud
  const state = () => join(data, 'hsm', `${region}.json`)
  const kept = (name: string) => join(folder, name)

  const open = async () => {
    cloud = await startCloud({ directory: data, port: await suiteBase(), regions: [region], generateRsa: knownRsaPair })
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-older-'))
    data = join(folder, 'data')
    await open()
  })

  afterEach(async () => {
    await cloud.close().catch(() => undefined)
    rmSync(folder, { recursive: true })
  })

  test('stops the start after a rotation, in one line with the file, and serves no key that does not open', async () => {
    const [part] = cloud.parts
    if (part === undefined) throw new Error('There is no region.')
    const call = callerOf(cloud)
    const vault = await createVault(call, cloud.regions[0]?.endpoint ?? '', cloud.tenancyId)
    const key = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, key)
    copyFileSync(state(), kept('older'))
    await rotateRoot(part)
    await cloud.close()
    copyFileSync(state(), kept('newest'))
    copyFileSync(kept('older'), state())
    await expect(open()).rejects.toThrow(`The HSM state ${state()} is an older copy`)
    await expect(open()).rejects.toThrow(/^[^\n]*Put back the newest copy of this file[^\n]*$/)
    copyFileSync(kept('newest'), state())
    await open()
    const again = callerOf(cloud)
    const { body } = await again('GET', `${cloud.regions[0]?.endpoint ?? ''}/20180608/vaults/${vault.id}`)
    expect(await decrypt(again, String(body['cryptoEndpoint']), key, ciphertext)).toBe(plaintext)
  })

  test('does no harm where no root has changed', async () => {
    copyFileSync(state(), kept('older'))
    await cloud.close()
    copyFileSync(kept('older'), state())
    await open()
  })
})

test('a token’s state is newer than that of the simulated region that moves into it, and never goes back', () => {
  const state = new TokenState('eu-test-1', 'a token', undefined, () => [])
  const revisions = [0, 0, 7, 3].map((revision) => {
    state.follow(revision)
    return state.revision
  })
  expect(revisions).toEqual([1, 1, 8, 8])
})
