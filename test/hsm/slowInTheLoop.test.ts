import { setImmediate } from 'node:timers/promises'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { aMaterial, aVault, realm } from './fixtures.ts'
import { troubled, type Trouble } from './slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './softHsm.ts'

describeWithToken('a token whose calls stand in the event loop for long', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const aes = aMaterial()
  let hsm: Pkcs11Hsm
  let encrypt: () => Promise<Buffer>

  beforeEach(async () => {
    delete trouble.code
    delete trouble.delay
    delete trouble.now
    const token = { module: troubled(softHsm(), trouble), label: newToken(), pin: () => pins.pin }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const key = await vault.generate(aes)
    encrypt = () => vault.use(aes, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('slowly'), {}))
  })

  afterEach(() => {
    hsm.close()
  })

  let calls = 0
  let at = 1_000_000
  const pass = (ms: number) => {
    at += ms
    trouble.now = at
  }
  const each = (ms: number) => {
    calls = 0
    pass(0)
    trouble.code = (name) => {
      if (name !== 'C_Sign') return undefined
      calls += 1
      pass(ms)
      return undefined
    }
  }
  // On a thread, where it is tried whether it is fast again.
  const neverTried = () => {
    trouble.delay = () => new Promise(() => undefined)
  }
  const slow = (retryAfter: number) => expect.objectContaining({ code: 'unavailable', retryAfter }) as Error

  test('is asked for a tenth of the time, answers 503 in between and says so, and is used again once it is fast', async () => {
    neverTried()
    each(300)
    await encrypt()
    expect(hsm.isAnswering()).toBe(true)
    await encrypt()
    expect(hsm.isAnswering()).toBe(false)
    expect(hsm.awayTokens()).toHaveLength(1)
    calls = 0
    await expect(encrypt()).rejects.toEqual(slow(12))
    pass(11_000)
    await expect(encrypt()).rejects.toEqual(slow(1))
    expect(calls).toBe(0)
    pass(1_000)
    await encrypt()
    await expect(encrypt()).rejects.toEqual(slow(12))
    each(0)
    pass(12_000)
    await encrypt()
    await encrypt()
    expect(hsm.isAnswering()).toBe(true)
    expect(hsm.awayTokens()).toEqual([])
  })

  test('is used again before that where a call off the loop was fast', async () => {
    each(300)
    await encrypt()
    await encrypt()
    each(0)
    while (!hsm.isAnswering()) await setImmediate()
    await encrypt()
  })

  test('rests on where that call was slow, too', async () => {
    each(300)
    await encrypt()
    await encrypt()
    each(200)
    // Whoever asks begins the next trial where the former is over.
    while (calls < 3) {
      expect(hsm.isAnswering()).toBe(false)
      await setImmediate()
    }
  })

  test('one slow work, as of a machine that paused, changes nothing', async () => {
    await encrypt()
    each(300)
    await encrypt()
    each(0)
    pass(60_000)
    await encrypt()
    each(300)
    await encrypt()
    each(0)
    await encrypt()
  })

  test('what asks the library for what costs it nothing, in between, does not speak for it', async () => {
    neverTried()
    each(300)
    await encrypt()
    delete trouble.code
    await encrypt()
    each(300)
    await encrypt()
    await expect(encrypt()).rejects.toEqual(slow(12))
  })

  test('is given up between two calls of one work, and never rests for more than a minute', async () => {
    neverTried()
    await encrypt()
    each(9_000)
    await expect(encrypt()).rejects.toEqual(slow(1))
    await expect(encrypt()).rejects.toEqual(slow(1))
    expect(calls).toBe(2)
    await expect(encrypt()).rejects.toEqual(slow(60))
    each(0)
    pass(60_000)
    await encrypt()
  })
})
