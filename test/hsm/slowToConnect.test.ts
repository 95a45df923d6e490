import { setImmediate } from 'node:timers/promises'
import type { VaultKeys, WrappedKey } from '../../lib/hsm/hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const aes = aMaterial()
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable' }) as Error

describeWithToken('a token that is lost and takes long to say so', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  let at: number
  let hsm: Pkcs11Hsm
  let vault: VaultKeys
  let key: WrappedKey
  let isGone: boolean
  /** Milliseconds that opening a session takes. */
  let opensIn: number
  let inLoop: number
  let offLoop: number
  const pass = (ms: number) => {
    at += ms
    trouble.now = at
  }
  const encrypt = async () => vault.use(aes, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('slowly'), {}))
  const isRefused = () => expect(encrypt()).rejects.toEqual(unavailable)

  beforeEach(async () => {
    at = 1_000_000
    pass(0)
    delete trouble.code
    delete trouble.delay
    delete trouble.wrong
    const token = { module: troubled(softHsm(), trouble), label: newToken(), pin: () => pins.pin, now: () => at }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    key = await vault.generate(aes)
    await encrypt()
    ;[inLoop, offLoop, isGone, opensIn] = [0, 0, true, 5_000]
    trouble.code = (name, args) => {
      if (name === 'C_SignInit' && isGone) return CKR.DEVICE_REMOVED
      if (name !== 'C_OpenSession') return undefined
      // slowToken.ts names the slot alone in the loop.
      if (args.length === 1) inLoop += 1
      else offLoop += 1
      pass(opensIn)
      return isGone ? CKR.DEVICE_REMOVED : undefined
    }
    await isRefused()
    pass(1_000)
    await isRefused()
    expect([inLoop, offLoop]).toEqual([1, 0])
  })

  afterEach(() => {
    hsm.close()
  })

  const isTried = async () => {
    const before = offLoop
    while (offLoop === before) {
      pass(1_000)
      await isRefused()
      await setImmediate()
    }
  }

  test('is tried again a second after that, not before, and off the event loop', async () => {
    pass(999)
    await isRefused()
    expect([inLoop, offLoop]).toEqual([1, 0])
    const held = Promise.withResolvers<undefined>()
    let asked = 0
    trouble.delay = (name) => {
      if (name === 'C_OpenSession') asked += 1
      return held.promise
    }
    for (let second = 0; second < 5; second++) {
      pass(1_000)
      await isRefused()
      expect(hsm.isAnswering()).toBe(false)
    }
    // One at a time.
    expect([asked, inLoop]).toEqual([1, 1])
    delete trouble.delay
    held.resolve(undefined)
    for (let times = 0; times < 3; times++) await isTried()
    expect(inLoop).toBe(1)
  })

  test.each([
    ['is there again', false, 200],
    ['is gone still', true, 503],
  ])('is connected to in the loop once a session off it was fast, where it %s', async (_how, gone, status) => {
    opensIn = 0
    isGone = gone
    let isClosed = gone
    trouble.wrong = (name) => {
      isClosed ||= name === 'C_CloseSession'
    }
    await isTried()
    while (!isClosed) await setImmediate()
    for (let turn = 0; turn < 10; turn++) await setImmediate()
    const answer = await encrypt().then(
      () => 200,
      () => 503,
    )
    expect([answer, inLoop]).toEqual([status, 2])
  })

  test('counts for the event loop as what else is slow in it: twice, and it rests', async () => {
    opensIn = 0
    await isTried()
    for (let turn = 0; turn < 10; turn++) await setImmediate()
    opensIn = 5_000
    await isRefused()
    expect(inLoop).toBe(2)
    await expect(encrypt()).rejects.toThrow('The HSM answers too slowly')
  })
})
