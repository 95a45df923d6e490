import { randomBytes } from 'node:crypto'
import type { KeyShape } from '../../lib/hsm/hsm.ts'
import { CKA, CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import type { Template } from '../../lib/hsm/pkcs11/library/encode.ts'
import type { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { identityLabel, stayingTemplate } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import {
  aesObject,
  aesTemplate,
  extractableTemplate,
  masterTemplate,
  readableAes,
} from '../../lib/hsm/pkcs11/token/templates.ts'
import { vendorOf } from '../../lib/hsm/pkcs11/library/vendors.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aes256, aMaterial, aTransfer, aVault, ecdsaShapes, rsa2048, tenancyId } from './contract/fixtures.ts'
import { aWrappingKey } from './contract/importer.ts'
import { wrapOutside } from './tokens/outside.ts'
import { describeWithToken, newToken, softHsm, tokenHsm } from './tokens/softHsm.ts'

/** What each key in a token may do, by the token's word: the reverse of an attack, which shows one thing that it may not. */

const said = {
  token: CKA.TOKEN,
  private: CKA.PRIVATE,
  sensitive: CKA.SENSITIVE,
  extractable: CKA.EXTRACTABLE,
  modifiable: CKA.MODIFIABLE,
  copyable: CKA.COPYABLE,
  encrypt: CKA.ENCRYPT,
  decrypt: CKA.DECRYPT,
  sign: CKA.SIGN,
  wrap: CKA.WRAP,
  unwrap: CKA.UNWRAP,
  derive: CKA.DERIVE,
} as const

function saidOf(session: Session, object: number): string {
  const is = (type: number) => {
    try {
      return session.attributes(object, type)[0]?.[0] === 1
    } catch {
      return false // of keys of other kinds
    }
  }
  return Object.entries(said)
    .flatMap(([name, type]) => (is(type) ? [name] : []))
    .join(' ')
}

const stays = 'token private sensitive'
const held = 'private sensitive modifiable copyable'

describeWithToken('a token’s keys', () => {
  let hsm: Pkcs11Hsm
  let away: Pkcs11Hsm
  let session: Session

  beforeAll(async () => {
    const label = newToken()
    hsm = tokenHsm({ generateRsa: knownRsaPair }, label)
    away = tokenHsm({ generateRsa: knownRsaPair, region: 'us-test-1' })
    const trustRoot = hsm.createTenancyRoot(tenancyId)
    await away.acceptStatement(trustRoot, hsm.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    session = Session.open(softHsm(), softHsm().slotOf(label) ?? -1)
  })
  afterAll(() => {
    session.close()
    for (const each of [hsm, away]) each.close()
  })

  const secrets = () =>
    [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((objectClass) => session.find([[CKA.CLASS, objectClass]], 4096))

  async function aKey(shape: KeyShape) {
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const context = aMaterial({ shape })
    return { vault, context, wrapped: await vault.generate(context) }
  }

  test('that stay have one use each, and nobody takes them out or changes them', () => {
    const stay = secrets().filter((each) => session.attributes(each, CKA.TOKEN)[0]?.[0] === 1)
    const labels = stay.map((each) => [String(session.attributes(each, CKA.LABEL)[0]), saidOf(session, each)] as const)
    expect(stay).toEqual(secrets())
    expect(Object.fromEntries(labels)).toEqual({
      'vaultspan root: wrapping': `${stays} wrap unwrap`,
      'vaultspan root: MAC': `${stays} sign`,
      'vaultspan identity': `${stays} sign`,
      [`vaultspan tenancy ${tenancyId}`]: `${stays} sign`,
    })
  })

  test.each([
    ['AES', aes256, 'sign'],
    ['RSA', rsa2048, 'decrypt sign'],
    ['ECDSA', ecdsaShapes.NIST_P256, 'sign'],
  ] as const)('that are used leave the token by no way, and do what they are for (%s)', async (_name, shape, uses) => {
    const { vault, context, wrapped } = await aKey(shape)
    const before = new Set(secrets())
    const found = await vault.use(context, wrapped, () => secrets().filter((each) => !before.has(each)))
    expect(found.map((each) => saidOf(session, each)).filter((each) => !each.includes('wrap'))).toEqual([
      `${held} ${uses}`,
    ])
  })

  test('of a vault wrap and unwrap, and the key that imports are wrapped for decrypts', async () => {
    const before = new Set(secrets())
    const { vault } = await aKey(aes256)
    const kek = secrets().filter((each) => !before.has(each))
    expect(kek.map((each) => saidOf(session, each))).toEqual([`${held} wrap unwrap`])
    const wrappingKey = await aWrappingKey(vault)
    const blob = await wrapOutside(wrappingKey.wrapped.publicKey ?? '', 'RSA_OAEP_SHA256', randomBytes(32))
    const imported = vault.importWrapped(aMaterial(), wrappingKey, 'RSA_OAEP_SHA256', blob)
    // The operation is on a thread: what it is done with is here now.
    const during = secrets().filter((each) => !before.has(each) && !kek.includes(each))
    expect(during.map((each) => saidOf(session, each))).toEqual([`${held} decrypt`])
    await imported
    expect(secrets().filter((each) => !before.has(each))).toEqual(kek)
  })

  test('that are made for one call are gone after it, done or refused', async () => {
    const wrapped = await hsm.createVaultKeys(aTransfer())
    hsm.openVault(aTransfer(), wrapped)
    const before = secrets()
    const { offer } = await away.createTransportKey(aTransfer())
    await hsm.exportVaultKeys(aTransfer(), wrapped, offer)
    const back = { ...aTransfer(), source: 'us-test-1', destination: 'eu-test-1' }
    const transport = await hsm.createTransportKey(back)
    const bundle = await away.exportVaultKeys(back, await away.createVaultKeys(back), transport.offer)
    await hsm.importVaultKeys(back, bundle, transport)
    const bad = { ...bundle, kwp: { ...bundle.kwp, macKey: bundle.kwp.hsmKek.slice(0, 8) } }
    await expect(hsm.importVaultKeys(back, bad, transport)).rejects.toThrow()
    expect(secrets()).toEqual(before)
  })

  test('of a transfer are readable in neither region', async () => {
    const { offer, privateKey } = await hsm.createTransportKey({
      ...aTransfer(),
      source: 'us-test-1',
      destination: 'eu-test-1',
    })
    const back = offer.context
    const bundle = await away.exportVaultKeys(back, await away.createVaultKeys(back), offer)
    const made: string[] = []
    const unwrapping: { unwrap: (this: Session, ...call: Parameters<Session['unwrap']>) => number } = Session.prototype
    const { unwrap } = unwrapping
    unwrapping.unwrap = function (...call) {
      const handle = unwrap.apply(this, call)
      made.push(saidOf(this, handle))
      return handle
    }
    try {
      await hsm.importVaultKeys(back, bundle, { offer, privateKey })
    } finally {
      unwrapping.unwrap = unwrap
    }
    // The transport key, the ephemeral one, the KEK, what its blob opens to, tried on it, and the two that the process holds.
    expect(made).toEqual([
      `${held} unwrap`,
      `${held} unwrap`,
      'private sensitive extractable modifiable copyable wrap unwrap',
      `${held} wrap unwrap`,
      `${held} wrap unwrap`,
      'private extractable modifiable copyable',
      'private extractable modifiable copyable',
    ])
  })
})

const secretUses = [CKA.ENCRYPT, CKA.DECRYPT, CKA.SIGN, CKA.VERIFY, CKA.WRAP, CKA.UNWRAP, CKA.DERIVE]
const privateUses = [CKA.SIGN, CKA.SIGN_RECOVER, CKA.DECRYPT, CKA.UNWRAP, CKA.DERIVE]
const vendor = vendorOf({ manufacturer: 'another' })

// SoftHSM takes for forbidden, and for private, what nothing is said of; others do not.
test.each<[string, Template, string]>([
  ['a KEK', aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: false }), 'private sensitive'],
  ['an AES key from its bytes', aesObject(Buffer.alloc(32), [CKA.UNWRAP]), 'private sensitive'],
  ['what the process is to hold', readableAes, 'private extractable'],
  ['a root', stayingTemplate({ vendor }, 'vaultspan root: wrapping'), 'token private sensitive'],
  ['a MAC root', stayingTemplate({ vendor }, 'vaultspan root: MAC'), 'token private sensitive'],
  ['a signer', stayingTemplate({ vendor }, identityLabel), 'token private sensitive'],
  ...([aes256, rsa2048, ecdsaShapes.NIST_P256] as const).flatMap((shape): [string, Template, string][] => [
    [`a key of ${shape.algorithm} in use`, masterTemplate(shape), 'private sensitive'],
    [`a key of ${shape.algorithm} that is made`, extractableTemplate(shape), 'private sensitive extractable'],
  ]),
])('the template of %s says of each use whether it is allowed, and who gets at the key', (_what, template, guarded) => {
  const said = new Map(template)
  const uses = said.get(CKA.CLASS) === CKO.PRIVATE_KEY ? privateUses : secretUses
  expect([...said.keys()]).toEqual(expect.arrayContaining(uses))
  const guards = { token: CKA.TOKEN, private: CKA.PRIVATE, sensitive: CKA.SENSITIVE, extractable: CKA.EXTRACTABLE }
  const all = Object.entries(guards).map(([name, type]) => [name, said.get(type)])
  expect(all).toEqual(Object.keys(guards).map((name) => [name, guarded.split(' ').includes(name)]))
})
