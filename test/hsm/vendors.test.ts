import { CKA, CKK, CKM, CKO, CKR, CKU } from '../../lib/hsm/pkcs11/library/constants.ts'
import { mechanism, type Template } from '../../lib/hsm/pkcs11/library/encode.ts'
import { initPartition, initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { unwrapOr } from '../../lib/hsm/pkcs11/keys/hsmKek.ts'
import { isPkcs11Error } from '../../lib/hsm/pkcs11/library/pkcs11Error.ts'
import { putRecoveryKey } from '../../lib/hsm/pkcs11/roots/recoverable.ts'
import { findRegionObjects } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import type { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { allowing, readableAes, sessionPrivate } from '../../lib/hsm/pkcs11/token/templates.ts'
import { findAbilities } from '../../lib/hsm/pkcs11/token/abilities.ts'
import { vendorOf, weaknessesOf } from '../../lib/hsm/pkcs11/library/vendors.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { kryoptic, kryopticPath, newKryopticToken } from './tokens/kryoptic.ts'
import { newNssToken, nss, nssPath } from './tokens/nss.ts'
import { newToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

interface Library {
  readonly module: () => Pkcs11Module
  readonly newToken: () => string
}

const libraries: readonly (readonly [string, Library])[] = [
  ...(softHsmPath === undefined ? [] : [['SoftHSM', { module: softHsm, newToken }] as const]),
  ...(nssPath === undefined ? [] : [['NSS softokn', { module: nss, newToken: newNssToken }] as const]),
  ...(kryopticPath === undefined ? [] : [['Kryoptic', { module: kryoptic, newToken: newKryopticToken }] as const]),
]

test('a library that no row knows is taken at the standard’s word', () => {
  expect(vendorOf({ manufacturer: 'constructor' })).toBe(vendorOf({ manufacturer: 'somebody' }))
  expect(vendorOf({ manufacturer: 'somebody' })).toMatchObject({ keepsData: true, enforcesUnwrapTemplate: true })
})

function does(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

function codeOf(work: () => unknown): number | undefined {
  try {
    work()
    return undefined
  } catch (cause) {
    if (isPkcs11Error(cause)) return cause.code
    throw cause
  }
}

const aes: Template = [
  [CKA.CLASS, CKO.SECRET_KEY],
  [CKA.KEY_TYPE, CKK.AES],
]

;(libraries.length === 0 ? describe.skip : describe).each(libraries)(
  'the row of %s',
  (name, { module: load, newToken: make }) => {
    let module: Pkcs11Module
    let session: Session
    let label: string
    const generate = (more: Template) =>
      session.generateKey(mechanism(CKM.AES_KEY_GEN), [...aes, [CKA.VALUE_LEN, 32], ...more])

    beforeAll(() => {
      module = load()
      label = make()
      session = Session.open(module, module.slotOf(label) ?? -1)
      session.login(CKU.USER, pins.pin)
    })

    test('is found by what the library says of itself', () => {
      expect(module.vendor.name).toBe(name)
    })

    test('has hsm status say what whoever has the PIN should not be able to', () => {
      const says = weaknessesOf(module.vendor).join('\n')
      expect(says.includes('take roots out of a token')).toBe(!module.vendor.keepsUnextractable)
      expect(says.includes('no security officer')).toBe(!module.vendor.hasOfficer)
      expect(says.includes('no unwrap templates')).toBe(!module.vendor.enforcesUnwrapTemplate)
    })

    test('says whether a key may stay that cannot be copied', () => {
      const stays = () =>
        generate([[CKA.TOKEN, true], [CKA.PRIVATE, true], ...allowing([CKA.SIGN]), [CKA.COPYABLE, false]])
      expect(does(stays)).toBe(module.vendor.takesCopyable)
    })

    test('says whether data stays in a token; without, no private vault has one', () => {
      const put = () =>
        session.create([
          [CKA.CLASS, CKO.DATA],
          [CKA.TOKEN, true],
          [CKA.PRIVATE, true],
          [CKA.LABEL, Buffer.from('probe')],
          [CKA.VALUE, Buffer.from('x')],
        ])
      expect(does(put)).toBe(module.vendor.keepsData)
      if (module.vendor.keepsData) return
      expect(() => initPartition({ module, label: 'p', ...pins })).toThrow('make none (--private 0)')
    })

    test('says whether it takes custodians, and where not, no token is made for them', async () => {
      const { keepsData, marksTrusted, hasOfficer } = module.vendor
      const recoveryKey = (await knownRsaPair(4096)).publicKey
      const fresh = make()
      const officer = Session.open(module, module.slotOf(fresh) ?? -1)
      const mark = () => {
        officer.login(CKU.SO, pins.soPin)
        putRecoveryKey(officer, recoveryKey)
      }
      if (hasOfficer) expect(does(mark)).toBe(marksTrusted)
      officer.close()
      if (keepsData && marksTrusted) return
      expect(() => initToken({ module, label: 'p', recoveryKey, ...pins })).toThrow('it takes none')
      expect(module.slotOf('p')).toBeUndefined()
    })

    // Where it does not bind, docs/hsm.md says that with the PIN a KEK can be read.
    test('says whether a root’s unwrap template binds whoever unwraps', () => {
      const { kwp } = findAbilities(session)
      const {
        roots: [{ wrappingRoot }],
      } = findRegionObjects(session, findAbilities(session))
      const kek = generate([...sessionPrivate(true), ...allowing([CKA.WRAP])])
      const blob = session.wrap(kwp, wrappingRoot, kek)
      const read = () => session.attributes(session.unwrap(kwp, wrappingRoot, blob, readableAes), CKA.VALUE)
      expect(does(read)).toBe(!module.vendor.enforcesUnwrapTemplate)
    })

    test('says what it answers to bytes that do not unwrap, which is no failure of the token', () => {
      const { kwp } = findAbilities(session)
      const {
        roots: [{ wrappingRoot }],
      } = findRegionObjects(session, findAbilities(session))
      const blob = session.wrap(kwp, wrappingRoot, generate([...sessionPrivate(true), ...allowing([CKA.WRAP])]))
      const others = Buffer.from(blob.map((byte) => byte ^ 1))
      const unwrap = () => session.unwrap(kwp, wrappingRoot, others, readableAes)
      expect(() => unwrapOr(session, () => new Error('does not open'), unwrap)).toThrow('does not open')
      expect(codeOf(unwrap) === CKR.DEVICE_ERROR).toBe(module.vendor.saysDeviceErrorOfBytes)
    })

    test('what others keep in the token, without a label, is none of ours', () => {
      generate([[CKA.TOKEN, true], [CKA.PRIVATE, true], ...allowing([CKA.SIGN])])
      expect(findRegionObjects(session, findAbilities(session)).roots).toHaveLength(1)
    })

    test('says whether there is an officer apart from the user', () => {
      const fresh = make()
      const officer = Session.open(module, module.slotOf(fresh) ?? -1)
      expect(
        does(() => {
          officer.login(CKU.SO, pins.soPin)
        }),
      ).toBe(module.vendor.hasOfficer)
      officer.close()
    })

    test('says whether a token’s label is an argument of the library', () => {
      const unknown = `unknown ${process.pid}`
      if (module.vendor.labelsByArguments) {
        expect(module.emptySlot(unknown)).toBeUndefined()
        expect(() => initToken({ module, label: unknown, ...pins })).toThrow('PKCS11_INIT_ARGUMENTS')
      } else expect(module.emptySlot(unknown)).toBeDefined()
    })

    test('whatever it says, nobody reads, changes or encrypts by a root; it says whether one can be wrapped', () => {
      const { kwp } = findAbilities(session)
      const {
        roots: [{ wrappingRoot, macRoot }],
        identity,
      } = findRegionObjects(session, findAbilities(session))
      const mine = generate([...sessionPrivate(false), ...allowing([CKA.WRAP])])
      for (const root of [wrappingRoot, macRoot, identity]) {
        expect(does(() => session.attributes(root, CKA.VALUE))).toBe(false)
        // With NSS whoever has the PIN takes a root along: docs/hsm.md and hsm status say so.
        expect(does(() => session.wrap(kwp, mine, root))).toBe(!module.vendor.keepsUnextractable)
        expect(does(() => session.copy(root, [[CKA.EXTRACTABLE, true]]))).toBe(!module.vendor.keepsUnextractable)
        expect(does(() => session.copy(root, [[CKA.SENSITIVE, false]]))).toBe(false)
        expect(
          does(() => {
            session.setAttributes(root, [[CKA.SENSITIVE, false]])
          }),
        ).toBe(false)
        expect(
          does(() => {
            session.setAttributes(root, [[CKA.ENCRYPT, true]])
          }),
        ).toBe(false)
        expect(
          does(() => {
            session.encryptInit(mechanism(CKM.AES_ECB), root)
          }),
        ).toBe(false)
      }
    })
  },
)
