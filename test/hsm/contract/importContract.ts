import fc from 'fast-check'
import { constants, publicEncrypt, randomBytes } from 'node:crypto'
import type { Hsm, MaterialContext, WrappingKey } from '../../../lib/hsm/hsm.ts'
import { aes256, aMaterial, aVault, altered, coded, ecdsaShapes, rsa2048 } from './fixtures.ts'
import { anImporter, aWrappingKey, type Importer } from './importer.ts'
import { oaepEncrypt, padAndWrap, wrapOutside } from '../tokens/outside.ts'
import { wycheproof } from './wycheproof.ts'

const schemes = ['RSA_OAEP_SHA256', 'RSA_OAEP_AES_SHA256'] as const

/** Import of AES keys that were wrapped by other code than the HSM's. */
export function importContract(openHsm: () => Promise<Hsm> | Hsm): void {
  describe('for material from outside', () => {
    let hsm: Hsm
    let outside: Importer

    beforeAll(async () => {
      hsm = await openHsm()
      outside = await anImporter(hsm)
    })

    describe.each(schemes)('under %s', (scheme) => {
      test.each([16, 24, 32] as const)('takes an AES key of %i bytes as it is', async (length) => {
        const material = randomBytes(length)
        expect(
          await outside.kept({ algorithm: 'AES', length }, scheme, await wrapOutside(outside.pem, scheme, material)),
        ).toEqual(material)
      })

      test('takes AES keys of the length of their shape only', async () => {
        const { usual } = outside
        for (const length of [12, 15, 16, 24, 31, 33, 64]) {
          const blob = await wrapOutside(outside.pem, scheme, randomBytes(length))
          expect(await outside.refusal(aes256, scheme, blob)).toBe(usual)
        }
      })

      test('refuses the text of a key that has the length of a longer one', async () => {
        const found = async (length: 16 | 24 | 32, text: string) => {
          const blob = await wrapOutside(outside.pem, scheme, Buffer.from(text))
          return outside.refusal({ algorithm: 'AES', length }, scheme, blob)
        }
        const hex = randomBytes(16).toString('hex')
        for (const length of [16, 24, 32] as const) {
          expect(await found(length, hex.slice(0, length))).toContain('holds the key as hexadecimal text; wrap the raw')
          expect(await found(length, hex.slice(0, length).toUpperCase())).toContain('as hexadecimal text')
        }
        expect(await found(24, `${'A+/z'.repeat(5)}AQ==`)).toContain('holds the key as base64 text; wrap the raw')
        expect(await found(32, 'q83v'.repeat(8))).toContain('holds the key as base64 text; wrap the raw')
      })

      test('refuses what was wrapped for another vault, or by the other scheme', async () => {
        const other = await aWrappingKey(hsm.openVault(aVault(), await hsm.createVaultKeys(aVault())))
        const { usual } = outside
        const foreign = await wrapOutside(other.wrapped.publicKey ?? '', scheme, randomBytes(32))
        expect(await outside.refusal(aes256, scheme, foreign)).toBe(usual)
        const otherScheme = schemes.find((each) => each !== scheme) ?? scheme
        expect(
          await outside.refusal(aes256, scheme, await wrapOutside(outside.pem, otherScheme, randomBytes(32))),
        ).toBe(usual)
      })

      test('refuses every altered, shortened or lengthened blob with one text', async () => {
        const blob = await wrapOutside(outside.pem, scheme, randomBytes(32))
        const { usual } = outside
        const mutation = fc.oneof(
          fc.record({ at: fc.nat(blob.length - 1), by: fc.integer({ min: 1, max: 255 }) }).map(({ at, by }) => {
            const mutated = Buffer.from(blob)
            mutated[at] = (mutated[at] ?? 0) ^ by
            return mutated
          }),
          fc.nat(blob.length - 1).map((length) => blob.subarray(0, length)),
          fc.uint8Array({ minLength: 1, maxLength: 64 }).map((more) => Buffer.concat([blob, more])),
        )
        await fc.assert(
          fc.asyncProperty(mutation, async (mutated) => (await outside.refusal(aes256, scheme, mutated)) === usual),
          { numRuns: 60 },
        )
      })

      test('refuses bytes that were never wrapped with the same text', async () => {
        const { usual } = outside
        await fc.assert(
          fc.asyncProperty(
            fc.uint8Array({ maxLength: 600 }),
            async (bytes) => (await outside.refusal(aes256, scheme, bytes)) === usual,
          ),
          { numRuns: 30 },
        )
      })
    })

    test('takes no temporary key but one of AES-256, and OAEP with SHA-256 only', async () => {
      const { usual } = outside
      const material = randomBytes(32)
      const temporary = randomBytes(32)
      for (const length of [16, 24, 31, 33]) {
        const oaep = await oaepEncrypt(outside.pem, randomBytes(length))
        expect(await outside.refusal(aes256, schemes[1], Buffer.concat([oaep, padAndWrap(temporary, material)]))).toBe(
          usual,
        )
      }
      const sha1 = publicEncrypt(
        { key: outside.pem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
        material,
      )
      expect(await outside.refusal(aes256, schemes[0], sha1)).toBe(usual)
      const pkcs1 = publicEncrypt({ key: outside.pem, padding: constants.RSA_PKCS1_PADDING }, material)
      expect(await outside.refusal(aes256, schemes[0], pkcs1)).toBe(usual)
    })

    test('takes exactly the valid AES-256-KWP vectors that carry an AES key', async () => {
      const { usual } = outside
      const vectors = wycheproof('aes_kwp').flatMap((group) => group.vectors)
      const isKeyLength = (length: number): length is 16 | 24 | 32 => [16, 24, 32].includes(length)
      let taken = 0
      for (const vector of vectors) {
        const blob = Buffer.concat([await oaepEncrypt(outside.pem, vector.bytes('key')), vector.bytes('ct')])
        const { length } = vector.bytes('msg')
        const shape = { algorithm: 'AES', length: isKeyLength(length) ? length : 32 } as const
        if (vector.isAccepted && isKeyLength(length) && vector.bytes('key').length === 32) {
          expect(await outside.kept(shape, 'RSA_OAEP_AES_SHA256', blob)).toEqual(vector.bytes('msg'))
          taken++
        } else expect(await outside.refusal(shape, 'RSA_OAEP_AES_SHA256', blob)).toBe(usual)
      }
      expect(taken).toBeGreaterThan(0)
    })

    test('says what never can be imported', async () => {
      const ecdsa = outside.put(ecdsaShapes.NIST_P256, 'RSA_OAEP_AES_SHA256', Buffer.alloc(600))
      await expect(ecdsa).rejects.toEqual(coded('invalidParameter'))
      await expect(ecdsa).rejects.toThrow('ECDSA keys cannot be imported')
      const direct = outside.put(rsa2048, 'RSA_OAEP_SHA256', Buffer.alloc(512))
      await expect(direct).rejects.toEqual(coded('invalidParameter'))
      await expect(direct).rejects.toThrow('use RSA_OAEP_AES_SHA256')
    })

    test('refuses a wrapping key of another context, altered, or that is an ordinary key', async () => {
      const blob = await wrapOutside(outside.pem, 'RSA_OAEP_SHA256', randomBytes(32))
      const { context, wrapped } = outside.wrappingKey
      const ordinary = aMaterial({ ...context, shape: { algorithm: 'RSA', length: 512 } })
      const wrong: WrappingKey[] = [
        { wrapped, context: { ...context, keyId: 'ocid1.key.oc1.eu-test-1.v.other' } },
        { wrapped, context: { ...context, materialId: 'cd'.repeat(16) } },
        { context, wrapped: { ...wrapped, blob: altered(wrapped.blob) } },
        { context, wrapped: { ...wrapped, mac: altered(wrapped.mac) } },
        { context, wrapped: await outside.vault.generate(ordinary) },
        { context: ordinary, wrapped: await outside.vault.generate(ordinary) },
      ]
      for (const each of wrong) {
        const refused = outside.vault.importWrapped(aMaterial(), each, 'RSA_OAEP_SHA256', blob)
        await expect(refused).rejects.toEqual(coded('integrityFailure'))
      }
    })

    test.each(['HSM', 'SOFTWARE'] as const)('binds what it took to its context (%s)', async (protectionMode) => {
      const context = aMaterial({ protectionMode })
      const blob = await wrapOutside(outside.pem, 'RSA_OAEP_SHA256', randomBytes(32))
      const wrapped = await outside.vault.importWrapped(context, outside.wrappingKey, 'RSA_OAEP_SHA256', blob)
      expect(await outside.vault.use(context, wrapped, () => 'used')).toBe('used')
      const others: Partial<MaterialContext>[] = [{ keyId: 'other' }, { isExportable: true }]
      for (const change of others) {
        const used = outside.vault.use({ ...context, ...change }, wrapped, () => 'used')
        await expect(used).rejects.toEqual(coded('integrityFailure'))
      }
    })

    test('refuses to take material without a proper id', async () => {
      const taken = outside.vault.importWrapped(
        aMaterial({ materialId: '' }),
        outside.wrappingKey,
        'RSA_OAEP_SHA256',
        Buffer.alloc(512),
      )
      await expect(taken).rejects.toThrow('32 lower-case hex digits')
    })
  })
}
