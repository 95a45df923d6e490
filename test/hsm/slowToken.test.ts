import type { VaultKeys, WrappedKey } from '../../lib/hsm/hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import type { Argument, FunctionName } from '../../lib/hsm/pkcs11/library/functionList.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aVault, ecdsaShapes, realm } from './contract/fixtures.ts'
import { troubled } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const message = Buffer.from('through all of it')
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error

describeWithToken('a token that is slow or fails now and then', () => {
  const trouble: {
    code?: (name: FunctionName, args: readonly Argument[]) => number | undefined
    delay?: (name: FunctionName) => Promise<void> | undefined
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

  test('lets 16 operations wait in it; another waits for one of them only so long, and is told to come back', async () => {
    const end = Promise.withResolvers<undefined>()
    trouble.delay = (name) => (name === 'C_Sign' ? end.promise : undefined)
    await encrypt()
    const inIt = Array.from({ length: 16 }, sign)
    const over = [sign(), sign()].map((each) =>
      each.then(
        () => 'signed',
        (error: unknown) => error,
      ),
    )
    // What needs no thread goes on meanwhile.
    await encrypt()
    expect(await Promise.all(over)).toEqual([unavailable, unavailable])
    end.resolve(undefined)
    expect(await Promise.all(inIt)).toHaveLength(16)
    await sign()
  })

  test.each([
    ['the device fails', CKR.DEVICE_ERROR],
    ['the token is gone', CKR.TOKEN_NOT_PRESENT],
    ['the session is gone', CKR.SESSION_HANDLE_INVALID],
    ['no session is left', CKR.SESSION_COUNT],
    ['the library says nothing of use', CKR.GENERAL_ERROR],
  ])('answers 503 while %s, says that it does not answer, and recovers by itself', async (_what, code) => {
    trouble.code = (name) => (name === 'C_Sign' || name === 'C_SignInit' ? code : undefined)
    for (let second = 0; second < 3; second++) {
      now += 1_000
      await expect(encrypt()).rejects.toEqual(unavailable)
      await expect(sign()).rejects.toEqual(unavailable)
      expect(hsm.isAnswering()).toBe(false)
    }
    delete trouble.code
    now += 1_000
    await encrypt()
    await sign()
    expect(hsm.isAnswering()).toBe(true)
  })

  test('no signature is answered that the token says it has made and has not', async () => {
    const rsa = aMaterial({ shape: { algorithm: 'RSA', length: 256 }, materialId: 'cd'.repeat(16) })
    const rsaKey = await vault.generate(rsa)
    trouble.code = (name) => (name === 'C_Sign' ? CKR.OK : undefined)
    await expect(sign()).rejects.toEqual(unavailable)
    const signed = vault.use(rsa, rsaKey, (key) => key.sign('SHA_256_RSA_PKCS1_V1_5', 'RAW', message))
    await expect(signed).rejects.toEqual(unavailable)
  })

  test('no new root is begun while a private vault’s token shows its objects and computes nothing', async () => {
    const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.own' })
    hsm.openVault(own, await hsm.createVaultKeys(own))
    trouble.code = (name) => (name === 'C_Sign' ? CKR.DEVICE_REMOVED : undefined)
    await expect(hsm.rotation.begin()).rejects.toThrow(`is away: ${partitionLabel(label, 1)} (of ${own.vaultId})`)
    expect(hsm.rotation.isRotating()).toBe(false)
    delete trouble.code
    now += 1_000
    await hsm.rotation.begin()
    expect(hsm.rotation.isRotating()).toBe(true)
    await hsm.rotation.end()
  })

  test('an error that is no loss ends that operation alone', async () => {
    trouble.code = (name) => (name === 'C_SignInit' ? CKR.MECHANISM_INVALID : undefined)
    await expect(sign()).rejects.toThrow('CKR_MECHANISM_INVALID')
    delete trouble.code
    await sign()
    expect(hsm.isAnswering()).toBe(true)
  })
  test('makes a new root off the event loop: whoever uses a key meanwhile is answered', async () => {
    const end = Promise.withResolvers<undefined>()
    trouble.delay = (name) => (name === 'C_GenerateKey' ? end.promise : undefined)
    const begun = hsm.rotation.begin()
    await encrypt()
    expect(hsm.rotation.isRotating()).toBe(false)
    end.resolve(undefined)
    await begun
    expect(hsm.rotation.isRotating()).toBe(true)
    await encrypt()
    await hsm.rotation.end()
  })

  test('makes one that custodians have a copy of off the event loop, too, with all that is written to the token’s disk', async () => {
    const own = `custodians ${process.pid}`
    const { publicKey: recoveryKey } = await knownRsaPair(4096)
    initToken({ module: softHsm(), label: own, recoveryKey, ...pins })
    const token = { module: troubled(softHsm(), trouble), label: own, pin: () => pins.pin }
    const other = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
    const [seen, end] = [Promise.withResolvers<string>(), Promise.withResolvers<undefined>()]
    const onThread: FunctionName[] = []
    trouble.delay = (name) => {
      onThread.push(name)
      seen.resolve('on a thread')
      return end.promise
    }
    const begun = other.rotation.begin()
    expect(await Promise.race([seen.promise, begun])).toBe('on a thread')
    expect(other.isAnswering()).toBe(true)
    end.resolve(undefined)
    await begun
    expect(onThread).toEqual(['C_CreateObject', 'C_UnwrapKey', 'C_CreateObject', 'C_UnwrapKey'])
    other.close()
  })

  test('looks at each private vault’s token, and destroys its former roots, in a turn of the event loop of its own', async () => {
    const many = openPkcs11Hsm({
      realm,
      region: 'eu-test-1',
      token: { module: troubled(softHsm(), trouble), label: newToken(2), pin: () => pins.pin },
    })
    for (const vaultId of ['ocid1.vault.oc1.eu-test-1.v.one', 'ocid1.vault.oc1.eu-test-1.v.two'])
      await many.createVaultKeys(aVault({ isPrivate: true, vaultId }))
    let turn = 0
    let next = setImmediate(function count() {
      turn += 1
      next = setImmediate(count)
    })
    const turns: number[] = []
    let isMaking = false
    // Roots are made on a thread, and what the proof unwraps is not.
    trouble.delay = (name) => {
      isMaking ||= name === 'C_GenerateKey'
      return undefined
    }
    trouble.code = (name) => {
      if (name === 'C_Sign' && !isMaking) turns.push(turn)
      return undefined
    }
    await many.rotation.begin()
    // And before the first is made the region's own root is known again.
    expect([turns.length, new Set(turns).size]).toEqual([3, 2])
    turns.length = 0
    trouble.code = (name) => {
      if (name === 'C_DestroyObject') turns.push(turn)
      return undefined
    }
    await many.rotation.end()
    // Two roots in each of three tokens, and in each the key by which the one that stays is known again.
    expect([turns.length, new Set(turns).size]).toEqual([9, 3])
    clearImmediate(next)
    many.close()
  })

  test.each([
    ['', undefined],
    [', also where it fails in the middle', CKR.MECHANISM_INVALID],
  ])('a message’s key is cleared where the token has written it%s', async (_when, third) => {
    // The MAC by which it is seen once a second that the token makes right ones.
    await encrypt()
    const places: Argument[] = []
    trouble.code = (name, [, , , place = null]) => (name === 'C_Sign' && places.push(place) === 3 ? third : undefined)
    const encrypted = encrypt()
    await (third === undefined ? encrypted : expect(encrypted).rejects.toThrow('CKR_MECHANISM_INVALID'))
    expect(places).toEqual(Array(third === undefined ? 4 : 3).fill(Buffer.alloc(16)))
  })
})
