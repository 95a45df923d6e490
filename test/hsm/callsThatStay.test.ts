import { setImmediate } from 'node:timers/promises'
import type { VaultKeys, WrappedKey } from '../../lib/hsm/hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import type { FunctionName } from '../../lib/hsm/pkcs11/library/functionList.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { aMaterial, aVault, ecdsaShapes, realm } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const message = Buffer.from('through all of it')
const ec = aMaterial({ shape: ecdsaShapes.NIST_P256, materialId: 'ab'.repeat(16) })
const aes = aMaterial()
const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.own' })

describeWithToken('calls into a library that do not come back', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const timers = new Set<() => void>()
  let label: string
  let hsm: Pkcs11Hsm
  let calls: FunctionName[]
  let now: number

  beforeEach(() => {
    now = 1_000_000
    calls = []
    delete trouble.delay
    trouble.code = (name) => {
      calls.push(name)
      return undefined
    }
    label = newToken(1)
    const token = {
      module: troubled(softHsm(), trouble),
      label,
      pin: () => pins.pin,
      now: () => now,
      maxWaitMs: 0,
      after: (ms: number, then: () => void) => {
        expect(ms).toBe(60_000)
        timers.add(then)
        return () => timers.delete(then)
      },
    }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    timers.clear()
  })

  afterEach(() => {
    hsm.close()
  })

  interface Used {
    readonly sign: () => Promise<Buffer>
    readonly encrypt: () => Promise<Buffer>
  }

  async function vaultOf(context = aVault()): Promise<Used> {
    const vault: VaultKeys = hsm.openVault(context, await hsm.createVaultKeys(context))
    const [ecKey, aesKey]: WrappedKey[] = [await vault.generate(ec), await vault.generate(aes)]
    if (ecKey === undefined || aesKey === undefined) throw new Error('It has made none.')
    return {
      sign: async () => vault.use(ec, ecKey, (key) => key.sign('ECDSA_SHA_256', 'RAW', message)),
      encrypt: async () => vault.use(aes, aesKey, (key) => key.encrypt('AES_256_GCM', message, {})),
    }
  }

  /** From now on, until it is ended: nothing that is signed comes back. */
  function hang() {
    const end = Promise.withResolvers<undefined>()
    let held = 0
    trouble.delay = (name) => {
      if (name !== 'C_Sign') return undefined
      held += 1
      return end.promise
    }
    return {
      isHeld: async (count: number) => {
        while (held < count) await setImmediate()
      },
      end: () => {
        delete trouble.delay
        end.resolve(undefined)
      },
    }
  }

  function aMinutePasses(): void {
    for (const then of timers) {
      timers.delete(then)
      then()
    }
  }

  const late = (token: string) =>
    expect.objectContaining({
      ...{ name: 'KmsError', code: 'unavailable', retryAfter: 10 },
      message: `The HSM does not answer (token ${token}): a call has not come back for a minute; try again later.`,
    }) as Error

  test('for a minute: who waits is answered 503, and so is whoever comes, before anything is called, until they are back', async () => {
    const { sign, encrypt } = await vaultOf()
    await sign()
    const hung = hang()
    const waits = [sign(), sign()]
    const refused = Promise.allSettled(waits)
    await hung.isHeld(2)
    await encrypt()
    expect(hsm.awayTokens()).toEqual([])
    aMinutePasses()
    for (const { reason } of (await refused) as PromiseRejectedResult[]) expect(reason).toEqual(late(label))
    calls = []
    await expect(sign()).rejects.toEqual(late(label))
    await expect(encrypt()).rejects.toEqual(late(label))
    expect([hsm.isAnswering(), hsm.awayTokens(), calls]).toEqual([false, [label], []])
    hung.end()
    while (!hsm.isAnswering()) await setImmediate()
    expect(hsm.awayTokens()).toEqual([])
    await encrypt()
    await sign()
    // In sessions that it has opened since.
    expect(calls.filter((name) => name === 'C_OpenSession')).toHaveLength(2)
    expect(timers.size).toBe(0)
  })

  test('counts as away until the last of them is back', async () => {
    const { sign } = await vaultOf()
    const hung = hang()
    const first = sign().catch(() => undefined)
    await hung.isHeld(1)
    const other = hang()
    const second = sign().catch(() => undefined)
    await other.isHeld(1)
    aMinutePasses()
    await Promise.all([first, second])
    hung.end()
    for (let turn = 0; turn < 100; turn++) await setImmediate()
    expect(hsm.isAnswering()).toBe(false)
    other.end()
    while (!hsm.isAnswering()) await setImmediate()
  })

  test('of a private vault’s token: that alone is away, and named', async () => {
    const [{ sign }, others] = [await vaultOf(own), await vaultOf()]
    const hung = hang()
    const refused = expect(sign()).rejects.toEqual(late(partitionLabel(label, 1)))
    await hung.isHeld(1)
    delete trouble.delay
    aMinutePasses()
    await refused
    expect([hsm.isAnswering(), hsm.awayTokens()]).toEqual([true, [partitionLabel(label, 1)]])
    await others.sign()
    await others.encrypt()
    hung.end()
    while (hsm.awayTokens().length > 0) await setImmediate()
    await sign()
  })

  test('are no more than 16, also where the token is lost meanwhile and connected again', async () => {
    const { sign, encrypt } = await vaultOf()
    const hung = hang()
    const ended = Promise.allSettled(Array.from({ length: 16 }, sign))
    await hung.isHeld(16)
    trouble.code = (name) => (name === 'C_Sign' ? CKR.DEVICE_REMOVED : undefined)
    await expect(encrypt()).rejects.toMatchObject({ code: 'unavailable' })
    delete trouble.code
    now += 1_000
    await encrypt()
    await expect(sign()).rejects.toMatchObject({ message: 'Every session of the HSM is busy; try again.' })
    hung.end()
    await ended
    await sign()
  })

  test.each([
    [3, 5],
    [17, 2],
  ])('are as many for all threads together: with %d threads %d of each', async (threads, share) => {
    const { sign } = await vaultOf()
    const hung = hang()
    softHsm().forThread(threads - 1)
    const ended = Promise.allSettled(Array.from({ length: share }, sign))
    await hung.isHeld(share)
    await expect(sign()).rejects.toMatchObject({ message: 'Every session of the HSM is busy; try again.' })
    hung.end()
    await ended
  })
})
