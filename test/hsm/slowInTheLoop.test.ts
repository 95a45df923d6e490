import { setImmediate } from 'node:timers/promises'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { LoopGuard } from '../../lib/hsm/pkcs11/token/loopGuard.ts'
import { slowWords } from '../../lib/hsm/pkcs11/library/sharedSlowness.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a token whose calls stand in the event loop for long', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const aes = aMaterial()
  let hsm: Pkcs11Hsm
  let encrypt: () => Promise<Buffer>
  /** The same token as another thread of the process has it. */
  let other: Pkcs11Hsm
  let encryptInOther: () => Promise<Buffer>

  // A second trial begins where the first was over and changed nothing.
  const untilTried = async () => {
    while (calls < 2 && !hsm.isAnswering()) await setImmediate()
    expect(hsm.isAnswering()).toBe(true)
  }

  beforeEach(async () => {
    delete trouble.code
    delete trouble.delay
    delete trouble.now
    const label = newToken()
    const on = (module: Pkcs11Module) => ({ module: troubled(module, trouble), label, pin: () => pins.pin })
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token: on(softHsm()) })
    const wrapped = await hsm.createVaultKeys(aVault())
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
    await untilTried()
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

  test('is found slow by one thread for all of them, and fast again', async () => {
    each(300)
    await encrypt()
    await encrypt()
    calls = 0
    neverTried()
    await expect(encryptInOther()).rejects.toEqual(slow(12))
    expect([calls, other.isAnswering(), other.awayTokens().length]).toEqual([0, false, 1])
    delete trouble.delay
    each(0)
    await untilTried()
    await encryptInOther()
  })

  test('two threads’ slow works make it slow where one comes after the other', async () => {
    neverTried()
    each(300)
    await encrypt()
    pass(1_000)
    await encryptInOther()
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

describe('the guards of one token’s event loops', () => {
  let now = 0
  const slow = slowWords()
  const guard = (label: string) => new LoopGuard(label, { slow, now: () => now }, () => new Promise(() => undefined))

  beforeEach(() => {
    slow.fill(0)
    now = 5_000_000
  })

  test('take works that were under way at one time for one: a machine that paused makes all of them slow', () => {
    const guards = [guard('one'), guard('one'), guard('one')]
    const works = guards.map((each) => each.begin())
    now += 3_000
    for (const [index, each] of guards.entries()) each.end(works[index] ?? 0)
    expect(guards.map((each) => each.isResting())).toEqual([false, false, false])
    const next = guards[0]?.begin() ?? 0
    now += 3_000
    guards[0]?.end(next)
    expect(guards.map((each) => each.isResting())).toEqual([true, true, true])
  })

  test('know each token by itself, and of those for which there is no room any more their own works', () => {
    const names = Array.from({ length: slow.length / 3 + 1 }, (_, index) => `token ${index}`)
    const [mine, others] = [names.map(guard), names.map(guard)]
    const isSlow = (each: LoopGuard | undefined) => {
      const until = each?.begin() ?? 0
      now += 2_000
      each?.end(until)
    }
    for (const each of [mine[1], mine[1]]) isSlow(each)
    expect(others.slice(0, 3).map((each) => each.isResting())).toEqual([false, true, false])
    for (const each of mine) isSlow(each)
    for (const each of [mine.at(-1), mine.at(-1)]) isSlow(each)
    expect([mine.at(-1)?.isResting(), others.at(-1)?.isResting()]).toEqual([true, false])
  })
})
