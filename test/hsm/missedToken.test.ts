import type { WrappedKey, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'

const own = aVault({ isPrivate: true })
const aes = aMaterial()
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error

describeWithToken(
  'a token that the library shows to a thread no more, while the region’s own has it open still',
  () => {
    const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
    let now: number
    let label: string
    let isShown: (label: string) => boolean
    let main: Pkcs11Hsm
    let thread: Pkcs11Hsm
    let wrapped: WrappedVaultKeys
    let key: WrappedKey
    const encrypt = async (by: Pkcs11Hsm) =>
      by.openVault(own, wrapped).use(aes, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('unseen'), {}))
    /** As each worker does all the time. */
    const tell = () => {
      const away = thread.awayTokens()
      main.lookAgain(away)
      return away
    }

    beforeEach(async () => {
      now = 1_000_000
      delete trouble.code
      isShown = () => true
      label = newToken(1)
      const shared = Pkcs11Module.inThread(softHsm().path, softHsm().forThread(1))
      const slotOf = shared.slotOf.bind(shared)
      Object.assign(shared, { slotOf: (each: string) => (isShown(each) ? slotOf(each) : undefined) })
      const on = (module: Pkcs11Module) => ({ module, label, pin: () => pins.pin, now: () => now })
      main = openPkcs11Hsm({ realm, region: 'eu-test-1', token: on(softHsm()) })
      wrapped = await main.createVaultKeys(own)
      key = await main.openVault(own, wrapped).generate(aes)
      const copy = { of: main.copied(), beforeOpening: () => undefined }
      thread = openPkcs11Hsm({ realm, region: 'eu-test-1', token: on(troubled(shared, trouble)), copy })
    })

    afterEach(() => {
      thread.close()
      main.close()
    })

    test.each([
      ['a private vault’s', 1],
      ['the region’s own', 0],
    ])('%s: the region’s own thread starts the library anew, and both use it', async (_whose, number) => {
      const [{ restarts }, missing] = [softHsm(), number === 0 ? label : partitionLabel(label, number)]
      isShown = (each) => each !== missing || softHsm().restarts > restarts
      if (number === 0) expect(thread.isAnswering()).toBe(false)
      else await expect(encrypt(thread)).rejects.toEqual(unavailable)
      expect(main.isAnswering()).toBe(true)
      expect(main.awayTokens()).toEqual([])
      expect(tell()).toContain(missing)
      expect(softHsm().restarts).toBe(restarts + 1)
      await encrypt(main)
      await encrypt(thread)
      expect(tell()).toEqual([])
      // Whatever it is told later is of the library as it was started last.
      now += 60_000
      main.lookAgain([missing])
      expect(softHsm().restarts).toBe(restarts + 1)
    })

    test('is not started anew for it more than once a minute, however many threads miss it and however often', async () => {
      const { restarts } = softHsm()
      isShown = (each) => each === label
      await expect(encrypt(thread)).rejects.toEqual(unavailable)
      const counts: number[] = []
      for (let second = 0; second < 61; second++) {
        tell()
        counts.push(softHsm().restarts - restarts)
        now += 1_000
      }
      expect(counts.slice(0, 60)).toEqual(Array(60).fill(1))
      expect(counts[60]).toBe(2)
    })

    test('is not started anew for one that is seen and fails', async () => {
      const { restarts } = softHsm()
      trouble.code = (name) => (name === 'C_OpenSession' ? CKR.DEVICE_ERROR : undefined)
      await expect(encrypt(thread)).rejects.toEqual(unavailable)
      expect(tell()).toEqual([label])
      expect(softHsm().restarts).toBe(restarts)
    })

    test('is tried once a second where a call is not over, for each try stops the region’s own thread', async () => {
      const { restarts } = softHsm()
      isShown = (each) => each === label
      await expect(encrypt(thread)).rejects.toEqual(unavailable)
      const away = thread.awayTokens()
      let tries = 0
      const { gate } = softHsm()
      const alone = gate.alone.bind(gate)
      Object.assign(gate, {
        alone: (work: () => void) => {
          tries += 1
          return alone(work)
        },
      })
      gate.hold(() => {
        for (let tenth = 0; tenth < 20; tenth++) {
          main.lookAgain(away)
          now += 100
        }
      })
      Reflect.deleteProperty(gate, 'alone')
      expect([tries, softHsm().restarts]).toEqual([2, restarts])
      main.lookAgain(away)
      expect(softHsm().restarts).toBe(restarts + 1)
    })
  },
)
