import { setImmediate } from 'node:timers/promises'
import type { WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a token whose calls stand in the event loop for long', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const aes = aMaterial()
  let hsm: Pkcs11Hsm
  let encrypt: () => Promise<Buffer>
  let wrapped: WrappedVaultKeys
  /** The same token as another thread of the process has it. */
  let other: Pkcs11Hsm
  let encryptInOther: () => Promise<Buffer>

  const turns: (() => void)[] = []
  /** The event loop turns. */
  const turned = () => {
    for (const over of turns.splice(0)) over()
  }
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } finally {
      turned()
    }
  }

  // A second trial begins where the first was over and changed nothing.
  const untilTried = async (asked: Pkcs11Hsm) => {
    while (calls < 2 && !asked.isAnswering()) await setImmediate()
    expect(asked.isAnswering()).toBe(true)
  }

  beforeEach(async () => {
    delete trouble.code
    delete trouble.delay
    delete trouble.wrong
    pass(60_000)
    turns.length = 0
    trouble.whenTurned = (over) => turns.push(over)
    const label = newToken()
    // What is looked at once a second is looked at once: the clock of that stands still.
    const on = (module: Pkcs11Module) => ({
      module: troubled(module, trouble),
      label,
      pin: () => pins.pin,
      now: () => 0,
    })
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token: on(softHsm()) })
    wrapped = await hsm.createVaultKeys(aVault())
    const key = await hsm.openVault(aVault(), wrapped).generate(aes)
    const copy = { of: hsm.copied(), beforeOpening: () => undefined }
    const shared = Pkcs11Module.inThread(softHsm().path, softHsm().forThread(1))
    other = openPkcs11Hsm({ realm, region: 'eu-test-1', token: on(shared), copy })
    const by = (of: Pkcs11Hsm) => () =>
      of.openVault(aVault(), wrapped).use(aes, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('slowly'), {}))
    encrypt = by(hsm)
    encryptInOther = by(other)
    await encrypt()
    await encryptInOther()
    turned()
  })

  afterEach(() => {
    other.close()
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
  const atOnce = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () =>
        encrypt().then(
          () => 'answered',
          (cause: unknown) => cause,
        ),
      ),
    )
  /** By calls that are not too long, lest the token be suspect in the next. */
  const spend = async () => {
    each(20)
    await atOnce(13)
    delete trouble.code
  }
  const slow = (retryAfter: number) => expect.objectContaining({ code: 'unavailable', retryAfter }) as Error

  test('is asked for a tenth of the time, answers 503 in between and says so, and is used again once it is fast', async () => {
    neverTried()
    each(300)
    await inTurn(encrypt)
    expect(hsm.isAnswering()).toBe(true)
    turned()
    await inTurn(encrypt)
    expect(hsm.isAnswering()).toBe(false)
    expect(hsm.awayTokens()).toHaveLength(1)
    calls = 0
    await expect(encrypt()).rejects.toEqual(slow(12))
    pass(11_000)
    await expect(encrypt()).rejects.toEqual(slow(1))
    expect(calls).toBe(0)
    pass(1_000)
    await inTurn(encrypt)
    await expect(encrypt()).rejects.toEqual(slow(12))
    each(0)
    pass(12_000)
    await inTurn(encrypt)
    await inTurn(encrypt)
    expect(hsm.isAnswering()).toBe(true)
    expect(hsm.awayTokens()).toEqual([])
  })

  test.each([
    ['an eighth of a second', 4, 300, 125, false],
    ['half of what those took that were too many for a turn', 20, 60, 30, false],
    ['half of what those took in another thread', 20, 60, 30, true],
  ])('rests on until a call off the loop took less than %s', async (_what, count, ms, trial, isOther) => {
    each(ms)
    for (let turn = 0; turn < 2; turn++) await inTurn(() => atOnce(count / 4))
    each(trial)
    const asked = isOther ? other : hsm
    // Whoever asks begins the next trial where the former is over.
    while (calls < 3) {
      expect(asked.isAnswering()).toBe(false)
      await setImmediate()
    }
    each(trial - 1)
    await untilTried(asked)
  })

  test('one slow turn, as of a machine that paused, changes nothing', async () => {
    each(300)
    await inTurn(encrypt)
    pass(60_000)
    await inTurn(encrypt)
    await encrypt()
  })

  test('what asks the library for what costs it nothing, in between, does not speak for it', async () => {
    neverTried()
    each(300)
    await inTurn(encrypt)
    delete trouble.code
    await inTurn(encrypt)
    each(300)
    await inTurn(encrypt)
    await expect(encrypt()).rejects.toEqual(slow(12))
  })

  test('is found slow by one thread for all of them, and fast again', async () => {
    each(300)
    await inTurn(encrypt)
    await inTurn(encrypt)
    calls = 0
    neverTried()
    await expect(encryptInOther()).rejects.toEqual(slow(12))
    expect([calls, other.isAnswering(), other.awayTokens().length]).toEqual([0, false, 1])
    delete trouble.delay
    each(0)
    await untilTried(hsm)
    await encryptInOther()
  })

  test('is given up between two calls of one work, and never rests for more than a minute', async () => {
    neverTried()
    each(9_000)
    await expect(inTurn(encrypt)).rejects.toEqual(slow(1))
    expect(calls).toBe(2)
    await expect(inTurn(encrypt)).rejects.toEqual(slow(1))
    expect(calls).toBe(3)
    await expect(encrypt()).rejects.toEqual(slow(60))
    each(0)
    pass(60_000)
    await encrypt()
  })

  test('is given up sooner in another thread, too, where a turn of one was slow', async () => {
    each(300)
    await inTurn(encrypt)
    each(9_000)
    await expect(encryptInOther()).rejects.toEqual(slow(1))
    expect(calls).toBe(1)
  })

  test('holds a turn of the loop for a second and a call, whoever comes at once; the others get 503', async () => {
    neverTried()
    each(200)
    const began = at
    expect(await inTurn(() => atOnce(12))).toEqual(['answered', ...Array<unknown>(11).fill(slow(1))])
    expect([calls, at - began]).toEqual([6, 1_200])
    expect(await inTurn(() => atOnce(12))).toEqual(['answered', ...Array<unknown>(11).fill(slow(1))])
    expect([calls, at - began]).toEqual([11, 2_200])
    expect(await atOnce(12)).toEqual(Array(12).fill(slow(10)))
    expect(calls).toBe(11)
  })

  test('does not refuse one request what it asks for next', async () => {
    delete trouble.whenTurned
    each(400)
    const context = aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.two' })
    expect(hsm.openVault(context, await hsm.createVaultKeys(context)).rowMac('row')).toHaveLength(16)
    expect(calls).toBeGreaterThan(6)
  })

  test('is not refused to a rotation, nor does that take time from requests', async () => {
    await spend()
    await hsm.rotation.begin()
    turned()
    each(200)
    const rewrapped = hsm.rotation.rewrapVaultKeys(aVault(), wrapped)
    expect([rewrapped === undefined, calls > 6]).toEqual([false, true])
    await encrypt()
    turned()
    expect(hsm.rotation.rewrapVaultKeys(aVault(), rewrapped ?? wrapped)).toBe(undefined)
    await hsm.rotation.end()
  })

  test('is not refused to the self test of a start', async () => {
    each(100)
    await hsm.selfTest()
    expect(calls).toBeGreaterThan(12)
    await encrypt()
    turned()
    await expect(spend().then(encrypt)).rejects.toEqual(slow(1))
  })

  test.each([
    ['fast, under load', 0.3, 1_000, 0],
    ['as fast as a machine lets it be that has too much to do', 1.5, 300, 0],
    ['fast, and the machine pauses', 0, 12, 5_000],
  ])('refuses nothing where it is %s', async (_what, ms, count, pause) => {
    neverTried()
    each(ms)
    trouble.wrong = (name) => {
      if (name === 'C_Sign' && calls === 10) pass(pause)
    }
    for (let turn = 0; turn < 3; turn++)
      expect(await inTurn(() => atOnce(count))).toEqual(Array(count).fill('answered'))
  })
})
