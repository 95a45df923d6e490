import { isKmsError } from '../../lib/errors.ts'
import type { VaultKeys, WrappedKey } from '../../lib/hsm/hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Argument, FunctionName } from '../../lib/hsm/pkcs11/library/functionList.ts'
import { aMaterial, aVault, ecdsaShapes, realm } from './contract/fixtures.ts'
import { until } from '../harness/until.ts'
import { troubled } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const message = Buffer.from('through all of it')
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error

/** False: the HSM does not answer. Whatever else it is is thrown. */
function isOpened(opens: () => unknown): boolean {
  try {
    opens()
    return true
  } catch (cause) {
    if (isKmsError(cause, 'unavailable')) return false
    throw cause
  }
}

/** Whether it answers is asked by what a request needs: a MAC, and to open what its root has wrapped. */
describeWithToken('a token', () => {
  const trouble: {
    code?: (name: FunctionName, args: readonly Argument[]) => number | undefined
    delay?: (name: FunctionName) => Promise<void> | undefined
    wrong?: (name: FunctionName, args: readonly Argument[]) => void
  } = {}
  const aes = aMaterial()
  const ec = aMaterial({ shape: ecdsaShapes.NIST_P256, materialId: 'ab'.repeat(16) })
  let now = 1_000_000
  let label: string
  let hsm: Pkcs11Hsm
  let vault: VaultKeys
  let aesKey: WrappedKey
  let ecKey: WrappedKey
  const encrypt = () => vault.use(aes, aesKey, (key) => key.encrypt('AES_256_GCM', message, {}))
  const sign = () => vault.use(ec, ecKey, (key) => key.sign('ECDSA_SHA_256', 'RAW', message))

  beforeEach(async () => {
    delete trouble.code
    delete trouble.delay
    delete trouble.wrong
    label = newToken(1)
    const token = {
      module: troubled(softHsm(), trouble),
      label,
      pin: () => pins.pin,
      now: () => now,
      maxWaitMs: 50,
    }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    aesKey = await vault.generate(aes)
    ecKey = await vault.generate(ec)
  })

  afterEach(() => {
    hsm.close()
  })

  test('that shows its objects and makes no MAC does not answer, whatever it says to that', () => {
    for (const code of [CKR.DEVICE_ERROR, CKR.MECHANISM_INVALID]) {
      trouble.code = (name) => (name === 'C_Sign' ? code : undefined)
      now += 1_000
      expect(hsm.isAnswering()).toBe(false)
    }
  })

  test('that makes another MAC than its root does not answer, and is told by that and not by a damaged vault', async () => {
    const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.wrong' })
    await hsm.createVaultKeys(own)
    const other = aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' })
    const wrapped = await hsm.createVaultKeys(other)
    trouble.wrong = (name, args) => {
      const mac = args[3]
      if (name === 'C_Sign' && Buffer.isBuffer(mac)) mac[0] = (mac[0] ?? 0) ^ 1
    }
    now += 1_000
    expect(hsm.isAnswering()).toBe(false)
    expect(await hsm.proveTokens()).toEqual([partitionLabel(label, 1)])
    expect(() => hsm.openVault(other, wrapped)).toThrow(unavailable)
    // From whichever of the opening's MACs on it is wrong.
    let [opened, refused] = [0, 0]
    for (let right = 1; right < 25; right += 1) {
      delete trouble.wrong
      const each = aVault({ vaultId: `ocid1.vault.oc1.eu-test-1.v.n${right}` })
      const keys = await hsm.createVaultKeys(each)
      let made = 0
      trouble.wrong = (name, args) => {
        const mac = args[3]
        if (name === 'C_Sign' && Buffer.isBuffer(mac) && ++made > right) mac[0] = (mac[0] ?? 0) ^ 1
      }
      if (isOpened(() => hsm.openVault(each, keys))) opened += 1
      else refused += 1
    }
    expect(Math.min(opened, refused)).toBeGreaterThan(1)
    delete trouble.wrong
    now += 1_000
    expect(hsm.isAnswering()).toBe(true)
    expect(await hsm.proveTokens()).toEqual([])
    hsm.openVault(other, wrapped)
  })

  test('that makes other MACs encrypts nothing from the next second on, and no ciphertext is said not to open', async () => {
    const ciphertext = await encrypt()
    const decrypt = () => vault.use(aes, aesKey, (key) => key.decrypt('AES_256_GCM', ciphertext, {}))
    trouble.wrong = (name, args) => {
      const mac = args[3]
      if (name === 'C_Sign' && Buffer.isBuffer(mac)) mac[0] = (mac[0] ?? 0) ^ 1
    }
    await expect(decrypt()).rejects.toEqual(unavailable)
    now += 1_000
    let macs = 0
    trouble.code = (name) => void (macs += name === 'C_Sign' ? 1 : 0)
    await expect(encrypt()).rejects.toEqual(unavailable)
    // The one that is looked at: no message's key is derived, which would be left behind.
    expect(macs).toBe(1)
    delete trouble.code
    for (const each of [encrypt, encrypt, decrypt]) await expect(each()).rejects.toEqual(unavailable)
    delete trouble.wrong
    await encrypt()
    expect(await decrypt()).toEqual(message)
    ciphertext[60] = (ciphertext[60] ?? 0) ^ 1
    await expect(decrypt()).rejects.toMatchObject({ code: 'invalidParameter' })
  })

  test('that makes MACs and does not unwrap does not answer, however often it connects anew, and one failure is none', async () => {
    expect(hsm.isAnswering()).toBe(true)
    trouble.code = (name) => (name === 'C_UnwrapKey' ? CKR.DEVICE_ERROR : undefined)
    for (let half = 0; half < 6; half += 1) {
      now += 500
      await expect(encrypt()).rejects.toEqual(unavailable)
      // What needs a MAC alone connects it meanwhile.
      await sign().catch(() => undefined)
      if (half > 0) expect(hsm.isAnswering()).toBe(false)
    }
    delete trouble.code
    now += 1_000
    expect(hsm.isAnswering()).toBe(true)
    await encrypt()
    let failures = 1
    trouble.code = (name) => (name === 'C_UnwrapKey' && failures-- > 0 ? CKR.DEVICE_ERROR : undefined)
    now += 1_000
    expect(hsm.isAnswering()).toBe(true)
  })

  test('that makes no keys now answers all the same, and one that does not open its own as well', () => {
    trouble.code = (name) => (name === 'C_GenerateKey' ? CKR.MECHANISM_INVALID : undefined)
    now += 1_000
    expect(hsm.isAnswering()).toBe(true)
    delete trouble.code
    now += 1_000
    expect(hsm.isAnswering()).toBe(true)
    trouble.code = (name) => (name === 'C_UnwrapKey' ? CKR.WRAPPED_KEY_INVALID : undefined)
    now += 1_000
    expect(hsm.isAnswering()).toBe(false)
  })

  test('of a private vault is found away though nobody has used it, off the event loop, and back as well', async () => {
    const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.unused' })
    await hsm.createVaultKeys(own)
    expect(await hsm.proveTokens()).toEqual([])
    const unwraps = { inLoop: 0, onThread: 0 }
    trouble.code = (name) => {
      if (name === 'C_UnwrapKey') unwraps.inLoop += 1
      return undefined
    }
    trouble.delay = (name) => {
      if (name === 'C_UnwrapKey') unwraps.onThread += 1
      return undefined
    }
    now += 1_000
    expect(await hsm.proveTokens()).toEqual([])
    expect(unwraps.onThread).toBe(1)
    // `code` is asked of those on a thread, too.
    expect(unwraps.inLoop).toBe(1)
    delete trouble.delay
    for (const [name, code] of [
      ['C_Sign', CKR.DEVICE_ERROR],
      ['C_UnwrapKey', CKR.DEVICE_ERROR],
      // No loss: it stays connected.
      ['C_UnwrapKey', CKR.WRAPPED_KEY_INVALID],
    ] as const) {
      trouble.code = (each) => (each === name ? code : undefined)
      now += 1_000
      expect(await hsm.proveTokens()).toEqual([partitionLabel(label, 1)])
      delete trouble.code
      now += 1_000
      expect(await hsm.proveTokens()).toEqual([])
    }
  })

  test('of a private vault is asked whenever the region’s health is, but not beside a region’s own that is away', async () => {
    const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.unused' })
    await hsm.createVaultKeys(own)
    let asked = 0
    trouble.delay = (name) => {
      if (name === 'C_UnwrapKey') asked += 1
      return undefined
    }
    for (const times of [1, 2]) {
      now += 1_000
      hsm.awayPartitions()
      await until(() => asked === times)
      await hsm.proveTokens()
    }
    trouble.code = (name) => (name === 'C_Sign' ? CKR.DEVICE_ERROR : undefined)
    expect(hsm.isAnswering()).toBe(false)
    delete trouble.code
    now += 1_500
    await hsm.proveTokens()
    expect(asked).toBe(2)
  })

  test('makes one MAC a second for whoever asks whether it answers, and is asked again at once when it was lost', () => {
    let macs = 0
    trouble.code = (name) => {
      if (name === 'C_Sign') macs += 1
      return undefined
    }
    const ask = () => Array.from({ length: 50 }, () => hsm.isAnswering())
    now += 1_000
    expect(new Set(ask())).toEqual(new Set([true]))
    expect(macs).toBe(1)
    now += 999
    ask()
    expect(macs).toBe(1)
    now += 1
    ask()
    expect(macs).toBe(2)
    softHsm().call('C_CloseAllSessions', softHsm().slotOf(label) ?? -1)
    expect(hsm.isAnswering()).toBe(true)
    // One by which its root is known again, and the proof.
    expect(macs).toBe(4)
  })

  test('of a private vault is named away while it makes no MAC, and no longer than that, though nobody uses the vault', async () => {
    const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.own' })
    const keys = hsm.openVault(own, await hsm.createVaultKeys(own))
    const of = aMaterial()
    const key = await keys.generate(of)
    expect(hsm.awayPartitions()).toEqual([])
    trouble.code = (name) => (name === 'C_Sign' ? CKR.DEVICE_ERROR : undefined)
    const used = () => keys.use(of, key, (each) => each.encrypt('AES_256_GCM', message, {}))
    await expect(used()).rejects.toEqual(unavailable)
    for (let second = 0; second < 3; second++) {
      now += 1_000
      expect(hsm.awayPartitions()).toEqual([partitionLabel(label, 1)])
      expect(hsm.awayTokens()).toContain(partitionLabel(label, 1))
    }
    delete trouble.code
    // Within the second it is not looked for again.
    expect(hsm.awayPartitions()).toEqual([partitionLabel(label, 1)])
    now += 1_000
    expect(hsm.awayPartitions()).toEqual([])
    expect(hsm.awayTokens()).toEqual([])
    await used()
  })
})
