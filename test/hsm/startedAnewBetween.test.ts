import type { VaultKeys, WrappedKey, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { LibraryGate } from '../../lib/hsm/pkcs11/library/libraryGate.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'

const message = Buffer.from('between two steps')
const aes = aMaterial()
const lost = expect.objectContaining({
  code: 'unavailable',
  message: expect.stringMatching(/does not answer/) as string,
}) as Error

/** A thread's gate that has something done by another thread as soon as this one is out of the library. */
class LeftGate extends LibraryGate {
  onLeaving: (() => void) | undefined
  /** A thread that goes round and round would never end its test. */
  turns = 0

  override hold<R>(work: () => R): R {
    this.turns += 1
    if (this.turns > 1_000) throw new Error('It goes round and round.')
    const answer = super.hold(work)
    if (!this.isInside) {
      const then = this.onLeaving
      this.onLeaving = undefined
      then?.()
    }
    return answer
  }
}

describeWithToken('a library that another thread starts anew between two steps', () => {
  let main: Pkcs11Hsm
  let thread: Pkcs11Hsm
  let gate: LeftGate
  let wrapped: WrappedVaultKeys
  let keys: readonly WrappedKey[]
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}

  beforeEach(async () => {
    delete trouble.code
    const label = newToken()
    const token = { label, pin: () => pins.pin }
    main = openPkcs11Hsm({ realm, region: 'eu-test-1', token: { ...token, module: softHsm() } })
    wrapped = await main.createVaultKeys(aVault())
    const vault = main.openVault(aVault(), wrapped)
    keys = await Promise.all(Array.from({ length: 16 }, () => vault.generate(aes)))
    const library = softHsm().forThread(1)
    gate = new LeftGate(library.gate, 1)
    const module = Pkcs11Module.inThread(softHsm().path, library)
    Object.assign(module, { gate })
    thread = openPkcs11Hsm({
      realm,
      region: 'eu-test-1',
      token: { ...token, module: troubled(module, trouble) },
      copy: { of: main.copied(), beforeOpening: () => undefined },
    })
  })

  afterEach(() => {
    thread.close()
    main.close()
  })

  const encrypt = (vault: VaultKeys, key: WrappedKey) =>
    vault.use(aes, key, (held) => held.encrypt('AES_256_GCM', message, {}))
  const decrypt = (key: WrappedKey, ciphertext: Buffer) =>
    main.openVault(aVault(), wrapped).use(aes, key, (held) => held.decrypt('AES_256_GCM', ciphertext, {}))
  const ofThread = () => thread.openVault(aVault(), wrapped)

  const key = (index: number) => keys[index] ?? fail()
  const isStartedAnew = () => {
    delete trouble.code
    expect(softHsm().restart()).toBe(true)
  }

  test('does not leave a thread with sessions of before, which had just connected', async () => {
    gate.onLeaving = isStartedAnew
    thread.isAnswering()
    expect(gate.onLeaving).toBeUndefined()
    gate.turns = 0
    expect(await decrypt(key(0), await encrypt(ofThread(), key(0)))).toEqual(message)
  })

  test('does not make of a key that was just opened another one, which has its number now', async () => {
    // Numbers begin again.
    isStartedAnew()
    await encrypt(ofThread(), key(0))
    const begun: Promise<Buffer>[] = []
    trouble.code = (name) => {
      if (name === 'C_UnwrapKey')
        gate.onLeaving = () => {
          isStartedAnew()
          // All the numbers of before are taken by other keys.
          for (const other of keys.slice(2)) begun.push(encrypt(main.openVault(aVault(), wrapped), other))
        }
      return undefined
    }
    await expect(encrypt(ofThread(), key(1))).rejects.toEqual(lost)
    expect(await Promise.all(begun)).toHaveLength(keys.length - 2)
  })
})

function fail(): never {
  throw new Error('There is none.')
}
