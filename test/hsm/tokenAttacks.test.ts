import { CKA, CKK, CKM, CKO, CKR, CKU } from '../../lib/hsm/pkcs11/library/constants.ts'
import { mechanism, type Template } from '../../lib/hsm/pkcs11/library/encode.ts'
import type { KeyShape } from '../../lib/hsm/hsm.ts'
import type { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aVault, coded, ecdsaShapes, tenancyId, textsOf } from './contract/fixtures.ts'
import { aWrappingKey } from './contract/importer.ts'
import { wrapOutside } from './tokens/outside.ts'
import { describeWithToken, newToken, pins, softHsm, tokenHsm } from './tokens/softHsm.ts'
import { codeOf, expectKept, is, kwp, says, sessionKeys } from './tokens/tokenSight.ts'

const aes: Template = [
  [CKA.CLASS, CKO.SECRET_KEY],
  [CKA.KEY_TYPE, CKK.AES],
  [CKA.TOKEN, false],
]

/** What a thief of the PIN and of the tables tries (docs/hsm.md). */
describeWithToken('with the PIN in hand', () => {
  let hsm: Pkcs11Hsm
  let session: Session
  let kekBlob: Buffer
  const one = (objectClass: number, label: string) =>
    session.find([
      [CKA.CLASS, objectClass],
      [CKA.LABEL, Buffer.from(label)],
    ])[0] ?? 0
  const roots = () => [
    one(CKO.SECRET_KEY, 'vaultspan root: wrapping'),
    one(CKO.SECRET_KEY, 'vaultspan root: MAC'),
    one(CKO.PRIVATE_KEY, 'vaultspan identity'),
  ]
  const wrappingRoot = () => roots()[0] ?? 0
  const unwrapKek = (more: Template) => session.unwrap(kwp, wrappingRoot(), kekBlob, [...aes, ...more])
  const sensitive: Template = [[CKA.SENSITIVE, true]]

  beforeAll(async () => {
    const label = newToken()
    hsm = tokenHsm({ generateRsa: knownRsaPair }, label)
    const module = softHsm()
    const slot = module.slotOf(label) ?? -1
    session = Session.open(module, slot)
    const [blob = ''] = textsOf(await hsm.createVaultKeys(aVault())).hsmKek.split('.')
    kekBlob = Buffer.from(blob, 'base64')
  })

  test('the PIN is needed for all of it, and the officer’s is none', () => {
    expect(
      codeOf(() => {
        session.login(CKU.USER, pins.pin)
      }),
    ).toBe(CKR.USER_ALREADY_LOGGED_IN)
    const label = newToken()
    const module = softHsm()
    const fresh = Session.open(module, module.slotOf(label) ?? -1)
    const visible = () => fresh.find([[CKA.PRIVATE, true]])
    expect(visible()).toEqual([])
    expect(
      codeOf(() => {
        fresh.login(CKU.USER, pins.soPin)
      }),
    ).toBe(CKR.PIN_INCORRECT)
    fresh.login(CKU.SO, pins.soPin)
    expect(visible()).toEqual([])
  })

  test('no root can be read, wrapped or copied with other attributes, nor changed', () => {
    const mine = session.generateKey(mechanism(CKM.AES_KEY_GEN), [...aes, [CKA.VALUE_LEN, 32], [CKA.WRAP, true]])
    for (const root of roots()) {
      expect(codeOf(() => session.attributes(root, CKA.VALUE))).toBe(CKR.ATTRIBUTE_SENSITIVE)
      expect(codeOf(() => session.wrap(kwp, mine, root))).toBe(CKR.KEY_UNEXTRACTABLE)
      expect(codeOf(() => session.copy(root, [[CKA.EXTRACTABLE, true]]))).toBe(CKR.ACTION_PROHIBITED)
      expect(
        codeOf(() => {
          session.setAttributes(root, [[CKA.SENSITIVE, false]])
        }),
      ).toBe(CKR.ACTION_PROHIBITED)
    }
  })

  test('the root wraps and unwraps only, and its template stays', () => {
    const root = wrappingRoot()
    expect(
      codeOf(() => {
        session.encryptInit(mechanism(CKM.AES_ECB), root)
      }),
    ).toBe(CKR.KEY_FUNCTION_NOT_PERMITTED)
    expect(codeOf(() => session.sign(mechanism(CKM.AES_CMAC), root, Buffer.alloc(16)))).toBe(
      CKR.KEY_FUNCTION_NOT_PERMITTED,
    )
    const change = () => {
      session.setAttributes(root, [[CKA.UNWRAP_TEMPLATE, []]])
    }
    expect(codeOf(change)).toBe(CKR.ACTION_PROHIBITED)
  })

  test.each([
    [
      'readable',
      [
        [CKA.SENSITIVE, false],
        [CKA.EXTRACTABLE, true],
      ],
    ],
    ['of a kind that it does not say', [[CKA.EXTRACTABLE, true]]],
    [
      'to stay',
      [
        [CKA.SENSITIVE, true],
        [CKA.TOKEN, true],
      ],
    ],
  ] satisfies [string, Template][])('a KEK does not unwrap %s', (_how, template) => {
    const given = aes.filter(([type]) => !template.some(([other]) => other === type))
    expect(codeOf(() => session.unwrap(kwp, wrappingRoot(), kekBlob, [...given, ...template]))).toBe(
      CKR.TEMPLATE_INCONSISTENT,
    )
    expect(codeOf(() => unwrapKek(sensitive))).toBe('done')
  })

  test('a KEK that is unwrapped can be read by no way, and made readable by none', () => {
    const kek = unwrapKek([...sensitive, [CKA.EXTRACTABLE, true]])
    expect(codeOf(() => session.attributes(kek, CKA.VALUE))).toBe(CKR.ATTRIBUTE_SENSITIVE)
    expect(codeOf(() => session.copy(kek, [[CKA.SENSITIVE, false]]))).toBe(CKR.ATTRIBUTE_READ_ONLY)
    expect(
      codeOf(() => {
        session.setAttributes(kek, [[CKA.SENSITIVE, false]])
      }),
    ).toBe(CKR.ATTRIBUTE_READ_ONLY)
  })

  test('each root and signer is for its one use, and stays as it is', () => {
    hsm.createTenancyRoot(tenancyId)
    const [wrapping = 0, mac = 0, identity = 0] = roots()
    const tenancy = one(CKO.PRIVATE_KEY, `vaultspan tenancy ${tenancyId}`)
    for (const [key, uses] of [
      [wrapping, ['WRAP', 'UNWRAP']],
      [mac, ['SIGN']],
      [identity, ['SIGN']],
      [tenancy, ['SIGN']],
    ] as const) {
      expect(says(session, key)).toEqual({ isSensitive: true, isExtractable: false, isInToken: true, uses })
      const kept = [CKA.NEVER_EXTRACTABLE, CKA.ALWAYS_SENSITIVE, CKA.LOCAL].map((type) => is(session, key, type))
      expect([...kept, is(session, key, CKA.MODIFIABLE), is(session, key, CKA.COPYABLE)]).toEqual([
        true,
        true,
        true,
        false,
        false,
      ])
    }
  })

  const shapes: readonly (readonly [KeyShape, readonly string[]])[] = [
    ...([16, 24, 32] as const).map((length) => [{ algorithm: 'AES', length }, ['SIGN']] as const),
    ...([256, 384, 512] as const).map((length) => [{ algorithm: 'RSA', length }, ['DECRYPT', 'SIGN']] as const),
    ...Object.values(ecdsaShapes).map((shape) => [shape, ['SIGN']] as const),
  ]

  test('what the service holds of a vault has its uses only, neither encrypts nor leaves, whatever its shape', async () => {
    const mine = session.generateKey(mechanism(CKM.AES_KEY_GEN), [...aes, [CKA.VALUE_LEN, 32], [CKA.WRAP, true]])
    const before = new Set(sessionKeys(session))
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const expected: (readonly string[])[] = [['WRAP', 'UNWRAP']] // of the vault's KEK
    const hold = shapes.reduceRight<() => Promise<void>>(
      (inner, [shape, uses]) =>
        async () => {
          expected.push(uses)
          const context = aMaterial({ shape })
          await vault.use(context, await vault.generate(context), inner)
        },
      async () => undefined,
    )
    await hold()
    // Where they are cached they stay: this is what the process holds of them all.
    const objects = sessionKeys(session).filter((each) => !before.has(each))
    expect(objects.map((each) => String(says(session, each).uses)).sort()).toEqual(expected.map(String).sort())
    for (const each of objects) expectKept(session, each, mine)
  })

  test('a vault’s wrapping key in use decrypts only, and does not leave', async () => {
    const mine = session.generateKey(mechanism(CKM.AES_KEY_GEN), [...aes, [CKA.VALUE_LEN, 32], [CKA.WRAP, true]])
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const wrappingKey = await aWrappingKey(vault)
    await vault.use(aMaterial(), await vault.generate(aMaterial()), () => undefined) // the KEK is open
    const before = new Set(sessionKeys(session))
    const scheme = 'RSA_OAEP_SHA256'
    const blob = await wrapOutside(wrappingKey.wrapped.publicKey ?? '', scheme, Buffer.alloc(32, 7))
    const imported = vault.importWrapped(aMaterial(), wrappingKey, scheme, blob)
    // Before anything is awaited: the key is open, and the RSA operation has not ended.
    const [opened = 0, ...others] = sessionKeys(session).filter((each) => !before.has(each))
    expect(others).toEqual([])
    expect(says(session, opened).uses).toEqual(['DECRYPT'])
    expectKept(session, opened, mine)
    await imported
  })

  test('blobs of two rows, vaults or protection modes do not take each other’s place', async () => {
    const other = aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' })
    const [mine, theirs] = [await hsm.createVaultKeys(aVault()), await hsm.createVaultKeys(other)]
    const refused = coded('integrityFailure')
    expect(() => hsm.openVault(aVault(), { ...mine, hsmKek: theirs.hsmKek })).toThrow(refused)
    expect(() => hsm.openVault(other, mine)).toThrow(refused)
    // Both halves are genuine.
    const [blob = ''] = textsOf(theirs).hsmKek.split('.')
    const [, mac = ''] = textsOf(mine).hsmKek.split('.')
    expect(() => hsm.openVault(aVault(), { ...mine, hsmKek: `${blob}.${mac}` })).toThrow(refused)
    const [vault, another] = [hsm.openVault(aVault(), mine), hsm.openVault(other, theirs)]
    for (const shape of [aMaterial().shape, ecdsaShapes.NIST_P256]) {
      const [context, second] = [aMaterial({ shape }), aMaterial({ shape, materialId: 'ab'.repeat(16) })]
      const [one, two] = [await vault.generate(context), await vault.generate(second)]
      await expect(vault.use(context, { ...one, blob: two.blob }, () => 'used')).rejects.toEqual(refused)
      await expect(another.use(context, one, () => 'used')).rejects.toEqual(refused)
      const software = { ...context, protectionMode: 'SOFTWARE', isExportable: true } as const
      await expect(vault.use(software, one, () => 'used')).rejects.toEqual(refused)
      await expect(async () => vault.exportUnder(software, one, 'RSA_OAEP_AES_SHA256', '')).rejects.toBeDefined()
    }
  })
})

describeWithToken('a thief of the PIN and the tables', () => {
  // Where the claim ends: docs/hsm.md says so. A token that stops this breaks the test, and the document is to follow.
  test('gets an HSM-protected key as a readable one, since SoftHSM takes no template below a template', async () => {
    const label = newToken()
    const hsm = tokenHsm({}, label)
    const module = softHsm()
    const session = Session.open(module, module.slotOf(label) ?? -1)
    const keys = await hsm.createVaultKeys(aVault())
    const wrapped = await hsm.openVault(aVault(), keys).generate(aMaterial())
    const [root = 0] = session.find([
      [CKA.CLASS, CKO.SECRET_KEY],
      [CKA.LABEL, Buffer.from('vaultspan root: wrapping')],
    ])
    const [blob = ''] = textsOf(keys).hsmKek.split('.')
    const kek = session.unwrap(kwp, root, Buffer.from(blob, 'base64'), [
      ...aes,
      [CKA.SENSITIVE, true],
      [CKA.UNWRAP, true],
    ])
    const key = session.unwrap(kwp, kek, Buffer.from(wrapped.blob, 'base64'), [
      ...aes,
      [CKA.SENSITIVE, false],
      [CKA.EXTRACTABLE, true],
    ])
    expect(session.attributes(key, CKA.VALUE)[0]).toHaveLength(32)
  })

  test('gets a KEK under a key of their own, as a transfer has to; a root under none', async () => {
    const label = newToken()
    const hsm = tokenHsm({}, label)
    const module = softHsm()
    const session = Session.open(module, module.slotOf(label) ?? -1)
    const root = session.find([[CKA.LABEL, Buffer.from('vaultspan root: wrapping')]])[0] ?? 0
    const [blob = ''] = textsOf(await hsm.createVaultKeys(aVault())).hsmKek.split('.')
    const mine = session.generateKey(mechanism(CKM.AES_KEY_GEN), [...aes, [CKA.VALUE_LEN, 32], [CKA.WRAP, true]])
    const kek = session.unwrap(kwp, root, Buffer.from(blob, 'base64'), [
      ...aes,
      [CKA.SENSITIVE, true],
      [CKA.EXTRACTABLE, true],
    ])
    expect(session.wrap(kwp, mine, kek)).toHaveLength(40)
    expect(codeOf(() => session.wrap(kwp, mine, root))).toBe(CKR.KEY_UNEXTRACTABLE)
  })
})
