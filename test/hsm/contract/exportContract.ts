import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Hsm, KeyShape, MaterialContext, VaultKeys, WrappedKey } from '../../../lib/hsm/hsm.ts'
import { aes256, aMaterial, aVault, altered, coded, ecdsaShapes, rsa2048 } from './fixtures.ts'
import { aKnownRecipient, anImporter, aRecipient, toTakeOut, type Importer } from './importer.ts'
import { unwrapOutside } from '../tokens/outside.ts'

const schemes = ['RSA_OAEP_SHA256', 'RSA_OAEP_AES_SHA256'] as const

/** Export under a caller's public key, opened by other code than the HSM's. */
export function exportContract(openHsm: () => Promise<Hsm> | Hsm): void {
  describe('for a key to take out', () => {
    const recipient = aKnownRecipient(2048)
    let vault: VaultKeys
    let elsewhere: Importer

    beforeAll(async () => {
      const hsm = await openHsm()
      vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
      elsewhere = await anImporter(hsm)
    })

    async function aKey(shape: KeyShape, changes: Partial<MaterialContext> = {}) {
      const context = aMaterial({ shape, ...toTakeOut, ...changes })
      return { context, wrapped: await vault.generate(context) }
    }

    test.each([
      [2048, 256],
      [3072, 384],
      [4096, 512],
    ])('exports an AES key under RSA-%i in %i bytes, or 40 more by AES-KWP', async (bits, length) => {
      const { privateKey, pem } = aKnownRecipient(bits)
      const { context, wrapped } = await aKey(aes256)
      const [direct, wrappedTwice] = await Promise.all(
        schemes.map((scheme) => vault.exportUnder(context, wrapped, scheme, pem)),
      )
      expect([direct?.length, wrappedTwice?.length]).toEqual([length, length + 40])
      const material = await unwrapOutside(privateKey, schemes[0], direct ?? Buffer.alloc(0))
      expect(material).toHaveLength(32)
      expect(await unwrapOutside(privateKey, schemes[1], wrappedTwice ?? Buffer.alloc(0))).toEqual(material)
    })

    describe.each([16, 24, 32] as const)('an AES key of %i bytes', (length) => {
      test.each(schemes)('decrypts in another vault after its export and import under %s', async (scheme) => {
        const { context, wrapped } = await aKey({ algorithm: 'AES', length })
        const message = Buffer.from('before the export')
        const ciphertext = await vault.use(context, wrapped, (key) => key.encrypt('AES_256_GCM', message, {}))
        const { vault: other, wrappingKey, pem } = elsewhere
        const exported = await vault.exportUnder(context, wrapped, scheme, pem)
        const imported = await other.importWrapped(context, wrappingKey, scheme, exported)
        const opened = await other.use(context, imported, (key) => key.decrypt('AES_256_GCM', ciphertext, {}))
        expect(opened).toEqual(message)
      })
    })

    test.each([
      ['RSA', rsa2048],
      ['ECDSA', ecdsaShapes.NIST_P256],
      ['ECDSA', ecdsaShapes.NIST_P384],
      ['ECDSA', ecdsaShapes.NIST_P521],
    ] as const)('exports an %s key as PKCS#8 (%j)', async (_algorithm, shape) => {
      const { context, wrapped } = await aKey(shape)
      const exported = await vault.exportUnder(context, wrapped, 'RSA_OAEP_AES_SHA256', recipient.pem)
      const pkcs8 = await unwrapOutside(recipient.privateKey, 'RSA_OAEP_AES_SHA256', exported)
      const opened = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
      expect(createPublicKey(opened).equals(createPublicKey(wrapped.publicKey ?? ''))).toBe(true)
      const direct = vault.exportUnder(context, wrapped, 'RSA_OAEP_SHA256', recipient.pem)
      await expect(direct).rejects.toEqual(coded('invalidParameter'))
      await expect(direct).rejects.toThrow('use RSA_OAEP_AES_SHA256')
    })

    test('an RSA key works in another vault after its export and import', async () => {
      const { context, wrapped } = await aKey(rsa2048)
      const { vault: other, wrappingKey, pem } = elsewhere
      const exported = await vault.exportUnder(context, wrapped, 'RSA_OAEP_AES_SHA256', pem)
      const imported = await other.importWrapped(context, wrappingKey, 'RSA_OAEP_AES_SHA256', exported)
      expect(imported.publicKey).toBe(wrapped.publicKey)
    })

    test.each([
      ['not exportable', { isExportable: false }],
      ['HSM-protected', { protectionMode: 'HSM', isExportable: false }],
      ['HSM-protected, whatever else is said of it', { protectionMode: 'HSM' }],
    ] satisfies [string, Partial<MaterialContext>][])('refuses a key that is %s', async (_what, changes) => {
      const { context, wrapped } = await aKey(aes256, changes)
      const exported = vault.exportUnder(context, wrapped, 'RSA_OAEP_AES_SHA256', recipient.pem)
      await expect(exported).rejects.toEqual(coded('invalidParameter'))
      await expect(exported).rejects.toThrow('not exportable')
    })

    test('refuses a key that only its row calls exportable, and an altered one', async () => {
      const locked = await aKey(aes256, { isExportable: false })
      const { context, wrapped } = await aKey(aes256)
      const tampered: WrappedKey[] = [
        locked.wrapped,
        { ...wrapped, blob: altered(wrapped.blob) },
        { ...wrapped, mac: altered(wrapped.mac) },
      ]
      for (const each of tampered) {
        const exported = vault.exportUnder(context, each, 'RSA_OAEP_AES_SHA256', recipient.pem)
        await expect(exported).rejects.toEqual(coded('integrityFailure'))
      }
    })

    const { pem } = recipient
    const body = pem.replaceAll(/-----[A-Z ]+-----|\s/g, '')
    const usualForms = {
      'with CRLF': pem.replaceAll('\n', '\r\n'),
      'without a final newline': pem.trimEnd(),
      'with its body on one line': armoured(body),
      'all on one line': `-----BEGIN PUBLIC KEY-----${body}-----END PUBLIC KEY-----`,
      'with spaces for newlines': pem.replaceAll('\n', ' '),
      'with blanks around it': `\r\n \t${pem}\n\n `,
      'with an empty line in it': pem.replace('-----\n', '-----\n\n'),
    }

    test.each(Object.entries(usualForms))('takes a public key %s', async (_form, text) => {
      const { context, wrapped } = await aKey(aes256)
      const exported = await vault.exportUnder(context, wrapped, 'RSA_OAEP_SHA256', text)
      expect(await unwrapOutside(recipient.privateKey, 'RSA_OAEP_SHA256', exported)).toHaveLength(32)
    })

    const otherKeys = {
      'no PEM': () => 'no PEM',
      nothing: () => '',
      'a bare body': () => body,
      'an empty body': () => armoured(''),
      'a damaged body': () => armoured(`${body.slice(0, 40)}A${body.slice(40)}`),
      'a body with a byte more': () => armoured(Buffer.concat([Buffer.from(body, 'base64'), Buffer.alloc(1)])),
      'a body in the alphabet of URLs': () => armoured(Buffer.from(body, 'base64').toString('base64url')),
      'two keys': () => pem + pem,
      'words before it': () => `my key: ${pem}`,
      'RSA-1024': () => aRecipient(1024).pem,
      'RSA-2056': () => aRecipient(2056).pem,
      PSS: () => spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
      'on a curve': () => spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
      'of the exponent 1': () => spki(withExponent('AQ')),
      'of an even exponent': () => spki(withExponent('AQAA')),
      'PKCS#1': () => recipient.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      'PKCS#1, public': () => createPublicKey(pem).export({ type: 'pkcs1', format: 'pem' }).toString(),
      private: () => recipient.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    } satisfies Record<string, () => string>

    test.each(Object.entries(otherKeys))('refuses as a public key what is %s', async (_what, make) => {
      const { context, wrapped } = await aKey(aes256)
      const exported = vault.exportUnder(context, wrapped, 'RSA_OAEP_AES_SHA256', make())
      await expect(exported).rejects.toEqual(coded('invalidParameter'))
      await expect(exported).rejects.toThrow('publicKey')
    })

    function withExponent(e: string): KeyObject {
      const { n = '' } = createPublicKey(pem).export({ format: 'jwk' })
      return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
    }
  })
}

function armoured(body: string | Buffer): string {
  const text = typeof body === 'string' ? body : body.toString('base64')
  return `-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----\n`
}

function spki(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}
