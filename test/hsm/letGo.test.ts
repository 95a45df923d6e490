import { setImmediate } from 'node:timers/promises'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'

describeWithToken('a key that is let go of', () => {
  test('fails nobody while its token is not asked', async () => {
    const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = { now: 1_000_000 }
    const token = { module: troubled(softHsm(), trouble), label: newToken(), pin: () => pins.pin, now: () => 0 }
    const hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    const aes = aMaterial()
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const key = await vault.generate(aes)
    const encrypt = () => vault.use(aes, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('let go'), {}))
    await encrypt()

    let asked = 0
    trouble.code = (name) => {
      asked += 1
      if (name === 'C_Sign') trouble.now = (trouble.now ?? 0) + 400
      return undefined
    }
    // Nobody tries meanwhile whether it is fast again.
    trouble.delay = () => new Promise(() => undefined)
    await encrypt()
    await setImmediate()
    await expect(encrypt()).rejects.toMatchObject({ code: 'unavailable' })
    await setImmediate()
    expect(hsm.isAnswering()).toBe(false)
    asked = 0
    vault.dropHandle(aes, key)
    expect(asked).toBe(0)

    trouble.now = (trouble.now ?? 0) + 100_000
    delete trouble.code
    expect(await encrypt()).toBeInstanceOf(Buffer)
    hsm.close()
  })
})
