import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, randomBytes } from 'node:crypto'
import type { VaultKeys, WrappedKey, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { putUlong, readUlong } from '../../lib/hsm/pkcs11/library/encode.ts'
import type { Argument, FunctionName } from '../../lib/hsm/pkcs11/library/functionList.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { wrapMaterial } from '../../lib/hsm/formats/wrappingScheme.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aVault, ecdsaShapes, realm, tenancyId } from './contract/fixtures.ts'
import { troubled, type Trouble } from './tokens/slowToken.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const message = Buffer.from('through all of it')
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error

describeWithToken('a token that answers what cannot be', () => {
  const trouble: { -readonly [name in keyof Trouble]: Trouble[name] } = {}
  const aes = aMaterial()
  const ec = aMaterial({ shape: ecdsaShapes.NIST_P256, materialId: 'ab'.repeat(16) })
  const rsa = aMaterial({ shape: { algorithm: 'RSA', length: 256 }, materialId: 'cd'.repeat(16) })
  const wrapping = { keyId: aVault().vaultId, materialId: 'ef'.repeat(16) }
  const another = aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.another' })
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
  let now = 1_000_000
  let hsm: Pkcs11Hsm
  let unopened: WrappedVaultKeys
  let vault: VaultKeys
  const made = new Map<object, WrappedKey>()
  let sealed: Buffer
  let brought: Buffer

  beforeAll(async () => {
    const token = { module: troubled(softHsm(), trouble), label: newToken(1), pin: () => pins.pin, now: () => now }
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token, generateRsa: knownRsaPair })
    unopened = await hsm.createVaultKeys(another)
    hsm.createTenancyRoot(tenancyId)
    vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    for (const each of [aes, ec, rsa]) made.set(each, await vault.generate(each))
    made.set(wrapping, await vault.generateWrappingKey(wrapping))
    sealed = await vault.use(rsa, keyOf(rsa), (key) => key.encrypt('RSA_OAEP_SHA_256', message, {}))
    const publicKey = createPublicKey(keyOf(wrapping).publicKey ?? '')
    brought = wrapMaterial('RSA_OAEP_SHA256', publicKey, randomBytes(32))
  })

  afterEach(async () => {
    delete trouble.code
    delete trouble.wrong
    // What has failed in the library is no failure of what node:crypto does next.
    expect(createPrivateKey(pem).type).toBe('private')
    now += 1_000
    await attempts.encrypts()
    await attempts.signs()
    expect(hsm.isAnswering()).toBe(true)
  })

  afterAll(() => {
    hsm.close()
  })

  const keyOf = (of: object): WrappedKey => {
    const found = made.get(of)
    if (found === undefined) throw new Error('It was not made.')
    return found
  }
  const attempts = {
    encrypts: () => vault.use(aes, keyOf(aes), (key) => key.encrypt('AES_256_GCM', message, {})),
    signs: () => vault.use(ec, keyOf(ec), (key) => key.sign('ECDSA_SHA_256', 'RAW', message)),
    signsADigest: () =>
      vault.use(ec, keyOf(ec), (key) => key.sign('ECDSA_SHA_256', 'DIGEST', hash('sha256', message, 'buffer'))),
    signsByRsa: () => vault.use(rsa, keyOf(rsa), (key) => key.sign('SHA_256_RSA_PKCS1_V1_5', 'RAW', message)),
    decryptsByRsa: () => vault.use(rsa, keyOf(rsa), (key) => key.decrypt('RSA_OAEP_SHA_256', sealed, {})),
    imports: () =>
      vault.importWrapped(aes, { context: wrapping, wrapped: keyOf(wrapping) }, 'RSA_OAEP_SHA256', brought),
    makesAes: () => vault.generate(aes),
    makesEc: () => vault.generate(ec),
    makesRsa: () => vault.generate(rsa),
    makesWrappingKey: () => vault.generateWrappingKey(wrapping),
    makesVault: () => hsm.createVaultKeys(aVault()),
    opensVault: async () => hsm.openVault(another, unopened),
    signsForRegion: () => hsm.sign(message),
    signsATenancy: async () => hsm.issueStatement(tenancyId, 'eu-test-2', hsm.identityPublicKey),
  } as const

  /** As after a loss of all sessions: what was open is opened again. */
  const dropAll = () => {
    const module = softHsm()
    module.call('C_CloseAllSessions', module.slotOf(hsm.label) ?? -1)
  }

  const codes = [0x70, CKR.WRAPPED_KEY_INVALID, 0x40, 0x8000_0001, CKR.GENERAL_ERROR]
  const unwrapping = ['encrypts', 'signs', 'signsByRsa', 'decryptsByRsa', 'imports', 'makesAes', 'opensVault'] as const
  test.each(unwrapping)(
    'is not said to hold a damaged key where it does not open one whose MAC fits: %s',
    async (name) => {
      for (const code of codes) {
        dropAll()
        await attempts[name]().catch(() => undefined)
        now += 1_000
        trouble.code = (called) => (called === 'C_UnwrapKey' ? code : undefined)
        await expect(attempts[name]()).rejects.toEqual(unavailable)
        delete trouble.code
      }
    },
  )

  test.each([
    ['C_SignInit', 'encrypts'],
    ['C_Sign', 'encrypts'],
    ['C_Sign', 'signs'],
    ['C_Sign', 'signsForRegion'],
    ['C_DecryptInit', 'decryptsByRsa'],
    ['C_Decrypt', 'decryptsByRsa'],
    ['C_Decrypt', 'imports'],
    ['C_WrapKey', 'makesAes'],
    ['C_WrapKey', 'makesVault'],
    ['C_GenerateKey', 'makesAes'],
    ['C_GenerateKeyPair', 'makesEc'],
    ['C_GetAttributeValue', 'makesEc'],
    ['C_CreateObject', 'makesRsa'],
  ] as const)('%s with a code that is on no list is the token’s trouble: %s', async (name, what) => {
    for (const code of codes) {
      trouble.code = (called) => (called === name ? code : undefined)
      await expect(attempts[what]()).rejects.toEqual(unavailable)
      delete trouble.code
      now += 1_000
    }
  })

  const flipped = (place: number) => (args: readonly Argument[]) => {
    const room = args[place]
    if (Buffer.isBuffer(room)) room[3] = (room[3] ?? 0) ^ 1
  }
  const ofLength = (value: number) => (args: readonly Argument[]) => {
    const word = args.at(-1)
    if (Buffer.isBuffer(word)) putUlong(word, value)
  }

  test.each([
    ['C_Sign', 'a MAC of five bytes', 'encrypts', ofLength(5)],
    ['C_Sign', 'more than there can be', 'encrypts', ofLength(1_000_000)],
    ['C_Sign', 'a MAC of five bytes', 'makesVault', ofLength(5)],
    ['C_Sign', 'a flipped bit', 'makesVault', flipped(3)],
    ['C_Sign', 'a flipped bit', 'opensVault', flipped(3)],
    ['C_Sign', 'five bytes', 'signs', ofLength(5)],
    ['C_Sign', 'five bytes', 'signsForRegion', ofLength(5)],
    ['C_Sign', 'a flipped bit', 'signsByRsa', flipped(3)],
    ['C_Sign', 'a flipped bit', 'signs', flipped(3)],
    ['C_Sign', 'a flipped bit', 'signsADigest', flipped(3)],
    ['C_Sign', 'a flipped bit', 'signsForRegion', flipped(3)],
    ['C_Sign', 'a flipped bit', 'signsATenancy', flipped(3)],
    ['C_Sign', 'a flipped bit', 'makesEc', flipped(3)],
    ['C_Sign', 'a flipped bit', 'makesRsa', flipped(3)],
    ['C_Decrypt', 'a flipped bit', 'decryptsByRsa', flipped(3)],
    ['C_Decrypt', 'a flipped bit', 'imports', flipped(3)],
    ['C_Decrypt', 'more than the modulus has', 'decryptsByRsa', ofLength(300)],
    ['C_WrapKey', 'a flipped bit', 'makesAes', flipped(4)],
    ['C_WrapKey', 'a flipped bit', 'makesEc', flipped(4)],
    ['C_WrapKey', 'a flipped bit', 'makesRsa', flipped(4)],
    ['C_WrapKey', 'a flipped bit', 'makesWrappingKey', flipped(4)],
    ['C_WrapKey', 'a flipped bit', 'imports', flipped(4)],
    ['C_WrapKey', 'a flipped bit', 'makesVault', flipped(4)],
    ['C_WrapKey', 'nothing', 'makesVault', ofLength(0)],
    ['C_FindObjects', 'more than were asked for', 'opensAgain', ofLength(1_000)],
  ] as const satisfies readonly (readonly [FunctionName, string, string, (args: readonly Argument[]) => void])[])(
    '%s with %s and CKR_OK is the token’s trouble: %s',
    async (name, _answer, what, change) => {
      if (what === 'opensAgain') dropAll()
      trouble.wrong = (called, args) => {
        if (called === name) change(args)
      }
      await expect(what === 'opensAgain' ? sinceDropped() : attempts[what]()).rejects.toEqual(unavailable)
    },
  )

  test('lets go of a vault’s KEK for which it has given another key’s number', async () => {
    let number = -1
    const opensAnother = () => hsm.openVault(another, unopened).generate(aes)
    const third = aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.third' })
    const wrapped = await hsm.createVaultKeys(third)
    const opensThird = () => hsm.openVault(third, wrapped).generate(aes)
    await attempts.signs()
    dropAll()
    await attempts.signs().catch(() => undefined)
    now += 1_000
    trouble.wrong = (called, args) => {
      const place = args.at(-1)
      if (called === 'C_UnwrapKey' && Buffer.isBuffer(place)) number = readUlong(place)
    }
    await attempts.signs()
    const wrongly = (given: number) => {
      let left = 1
      trouble.wrong = (called, args) => {
        const place = args.at(-1)
        if (called === 'C_UnwrapKey' && Buffer.isBuffer(place) && left-- > 0) putUlong(place, given)
      }
    }
    delete trouble.wrong
    let root = -1
    trouble.code = (called, [, , key]) => {
      if (called === 'C_SignInit') root = Number(key)
      return undefined
    }
    expect(hsm.isAnswering()).toBe(true)
    delete trouble.code
    // What is in the token for good is not destroyed with it.
    for (const [given, opens] of [
      [root, opensThird],
      [number, opensAnother],
    ] as const) {
      wrongly(given)
      await expect(opens()).rejects.toEqual(unavailable)
      delete trouble.wrong
      await opens()
      now += 1_000
      // Whose number it was opens anew, too.
      await attempts.signs().catch(() => undefined)
    }
  })

  const sinceDropped = async () => {
    await attempts.encrypts().catch(() => undefined)
    now += 1_000
    return attempts.encrypts()
  }
})
