import { createSecretKey } from 'node:crypto'
import { canonicalJson, type JsonObject } from '../../lib/canonicalJson.ts'
import { blobText } from '../../lib/hsm/formats/blobMac.ts'
import { Cmac } from '../../lib/hsm/primitives/cmac.ts'
import { deriveKey } from '../../lib/hsm/primitives/kdf.ts'
import { unwrapKey } from '../../lib/hsm/primitives/keyWrap.ts'
import { SoftwareVaultKeys } from '../../lib/hsm/software/vaultKeys.ts'
import type { MaterialContext, WrappedKey } from '../../lib/hsm/hsm.ts'
import type { SoftwareKey } from '../../lib/hsm/software/softwareKey.ts'
import { HandleCache } from '../../lib/hsm/software/handleCache.ts'
import { VaultRoot } from '../../lib/hsm/software/vaultRoot.ts'
import { aMaterial, aVault, ecdsaShapes, rsa2048, textsOf } from './contract/fixtures.ts'

const canaries = {
  hsmKek: Buffer.alloc(32, 'hsm canary '),
  softwareKek: Buffer.alloc(32, 'sw canary '),
  macKey: Buffer.alloc(32, 'mac canary '),
}
const keys = {
  hsmKek: createSecretKey(canaries.hsmKek),
  softwareKek: createSecretKey(canaries.softwareKek),
  macKey: createSecretKey(canaries.macKey),
}

test('a vault key never shows in what it was wrapped to, and its plaintext is cleared', () => {
  const taken = {
    hsmKek: Buffer.from(canaries.hsmKek),
    softwareKek: Buffer.from(canaries.softwareKek),
    macKey: Buffer.from(canaries.macKey),
  }
  const root = new VaultRoot(new Cmac(createSecretKey(Buffer.alloc(32, 5))))
  const wrapped = root.wrapVaultKeys(aVault(), (name) => taken[name])
  for (const name of ['hsmKek', 'softwareKek', 'macKey'] as const) {
    expectNoTrace(textsOf(wrapped)[name], canaries[name])
    expect(taken[name]).toEqual(Buffer.alloc(32))
    expect(root.openVaultKeys(aVault(), wrapped)[name].export()).toEqual(canaries[name])
  }
})

test.each([
  ['AES', { algorithm: 'AES', length: 32 }],
  ['RSA', rsa2048],
  ['ECDSA', ecdsaShapes.NIST_P384],
] as const)('the material of a key (%s) never shows in its row', async (_name, shape) => {
  const vault = new SoftwareVaultKeys(aVault(), keys, new HandleCache(1, () => undefined), 'vault')
  for (const [protectionMode, kek] of [['HSM', keys.hsmKek] as const, ['SOFTWARE', keys.softwareKek] as const]) {
    const wrapped = await vault.generate(aMaterial({ shape, protectionMode }))
    const secret = unwrapKey(kek, Buffer.from(wrapped.blob, 'base64'))
    expect(secret?.length).toBeGreaterThanOrEqual(32)
    if (secret !== undefined) expectNoTrace(JSON.stringify(wrapped), secret)
  }
})

test('a key of one protection mode is not under the KEK of the other', async () => {
  const vault = new SoftwareVaultKeys(aVault(), keys, new HandleCache(1, () => undefined), 'vault')
  const wrapped = await vault.generate(aMaterial({ protectionMode: 'SOFTWARE' }))
  expect(unwrapKey(keys.hsmKek, Buffer.from(wrapped.blob, 'base64'))).toBeUndefined()
})

test('the handles of a key that is forgotten, and of a vault that is destroyed, are destroyed with it', async () => {
  let destroyed = 0
  const handles = new HandleCache<SoftwareKey>(10, () => destroyed++)
  const [vault, other] = ['vault', 'other'].map((name) => new SoftwareVaultKeys(aVault(), keys, handles, name))
  const contexts = ['one', 'two', 'three'].map((keyId) => aMaterial({ keyId }))
  const made: [MaterialContext, WrappedKey][] = []
  for (const context of contexts) {
    const wrapped = await vault?.generate(context)
    if (wrapped === undefined) throw new Error('There is no vault.')
    made.push([context, wrapped])
    for (const each of [vault, other]) await each?.use(context, wrapped, () => undefined)
  }
  for (const [context, wrapped] of made.slice(0, 1)) vault?.dropHandle(context, wrapped)
  expect(destroyed).toBe(1)
  vault?.destroyKeks()
  expect(destroyed).toBe(3)
  other?.destroyKeks()
  expect(destroyed).toBe(6)
})

test('row MACs and blob MACs of one text differ', async () => {
  const vault = new SoftwareVaultKeys(aVault(), keys, new HandleCache(1, () => undefined), 'vault')
  const plain = new Cmac(keys.macKey)
  expect(vault.rowMac('text')).toEqual(plain.tag(Buffer.from('row/v1\0text')))
  expect(vault.rowMac('text')).not.toEqual(plain.tag(Buffer.from('blob/v1\0text')))
})

test('the text under a blob MAC stays what it was, or no stored key would open', () => {
  const text = blobText(aVault(), aMaterial(), { format: 'vaultspan/key/1', blob: 'AAAA' })
  expect(text).toBe(
    '{"blob":"AAAA","format":"vaultspan/key/1","isExportable":false,"keyId":"ocid1.key.oc1.eu-test-1.v.one",' +
      '"materialId":"00112233445566778899aabbccddeeff","protectionMode":"HSM","realm":"oc1",' +
      '"shape":{"algorithm":"AES","length":32},"tenancyId":"ocid1.tenancy.oc1..home",' +
      '"vaultId":"ocid1.vault.oc1.eu-test-1.v.one"}',
  )
})

test.each([
  ['an ECDSA key', aMaterial({ shape: ecdsaShapes.NIST_P384, isExportable: true, protectionMode: 'SOFTWARE' })],
  ['a key of quotes and lone surrogates', aMaterial({ keyId: '"\\\u{d800}\n\u00e9' })],
  ['a wrapping key', { keyId: 'k', materialId: '00112233445566778899aabbccddeeff' }],
] as const)('the text under the blob MAC of %s is canonical JSON', (_what, context) => {
  for (const publicKey of [{}, { publicKey: '-----BEGIN PUBLIC KEY-----\n' }]) {
    const text = blobText(aVault(), context, { format: 'vaultspan/key/1', blob: 'AAAA', ...publicKey })
    expect(text).toBe(canonicalJson(JSON.parse(text) as JsonObject))
    expect(JSON.parse(text)).toMatchObject({ ...context, ...publicKey, blob: 'AAAA' })
  }
})

test('derived keys differ by root, label and context', () => {
  const roots = [1, 2].map((fill) => new Cmac(createSecretKey(Buffer.alloc(32, fill))))
  const derived = roots.flatMap((root) =>
    [['a', 'bc'] as const, ['ab', 'c'] as const, ['a', 'b'] as const].map(([label, context]) =>
      deriveKey(root, label, context).export().toString('hex'),
    ),
  )
  expect(new Set(derived).size).toBe(6)
})

/** No 8 bytes of the secret in a row, as bytes, hex or base64 at any alignment. */
function expectNoTrace(text: string, secret: Buffer): void {
  const decoded = (text.match(/[A-Za-z0-9+/=]{16,}/g) ?? []).map((part) => Buffer.from(part, 'base64'))
  const haystack = Buffer.concat([Buffer.from(text), ...decoded])
  for (let start = 0; start + 8 <= secret.length; start += 4) {
    const piece = secret.subarray(start, start + 8)
    expect(haystack.includes(piece)).toBe(false)
    expect(text.includes(piece.toString('hex'))).toBe(false)
  }
}
