import { hash, randomBytes } from 'node:crypto'
import type {
  Hsm,
  KeyShape,
  MaterialContext,
  SigningAlgorithm,
  UsableKey,
  VaultContext,
  WrappedKey,
} from '../../../lib/hsm/hsm.ts'
import { aMaterial, aVault, altered, coded, ecdsaShapes, rsa2048, textsOf } from './fixtures.ts'
import { backupContract } from './backupContract.ts'
import { destroyContract } from './destroyContract.ts'
import { exportContract } from './exportContract.ts'
import { importContract } from './importContract.ts'
import { importRsaContract } from './importRsaContract.ts'
import { wrappingKeyContract } from './wrappingKeyContract.ts'

const message = Buffer.from('a message of the contract')
const rsaAlgorithms = (['224', '256', '384', '512'] as const).flatMap(
  (bits) => [`SHA_${bits}_RSA_PKCS_PSS`, `SHA_${bits}_RSA_PKCS1_V1_5`] as const,
)
const ecdsaAlgorithms = { NIST_P256: 'ECDSA_SHA_256', NIST_P384: 'ECDSA_SHA_384', NIST_P521: 'ECDSA_SHA_512' } as const

/** What every backend must do: the same cases for each. `openHsm` gives a new HSM with a root of its own. */
export function hsmContract(name: string, openHsm: () => Promise<Hsm> | Hsm, keepsPrivateVaults = true): void {
  describe(`${name} as an HSM`, () => {
    let hsm: Hsm

    beforeAll(async () => {
      hsm = await openHsm()
    })

    async function aKey(shape: KeyShape, changes: Partial<MaterialContext> = {}) {
      const context = aMaterial({ shape, ...changes })
      const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
      const wrapped = await vault.generate(context)
      return {
        vault,
        context,
        wrapped,
        use: <T>(work: (key: UsableKey) => Promise<T> | T) => vault.use(context, wrapped, work),
      }
    }

    test('passes its self test and says what it is', async () => {
      const { name: says, shapes } = await hsm.selfTest()
      expect(says).not.toBe('')
      expect(shapes).toEqual(expect.arrayContaining(['AES_256', 'RSA_2048', 'ECDSA_NIST_P384']))
    })

    describe('for a vault', () => {
      test.each([false, true])('opens the keys that it wrapped (private: %s)', async (isPrivate) => {
        const context = aVault({ isPrivate })
        if (isPrivate && !keepsPrivateVaults) {
          return expect(async () => hsm.createVaultKeys(context)).rejects.toEqual(coded('limitExceeded'))
        }
        const wrapped = await hsm.createVaultKeys(context)
        const vault = hsm.openVault(context, wrapped)
        expect(hsm.openVault(context, { ...wrapped }).isRowMac('row', vault.rowMac('row'))).toBe(true)
      })

      test.each([
        ['realm', { realm: 'oc2' }],
        ['tenancy', { tenancyId: 'ocid1.tenancy.oc1..other' }],
        ['vault', { vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' }],
        ['partition', { isPrivate: true }],
      ] satisfies [string, Partial<VaultContext>][])('refuses the keys under another %s', async (_what, changes) => {
        const wrapped = await hsm.createVaultKeys(aVault())
        hsm.openVault(aVault(), wrapped) // what is open for its own is not given to another
        expect(() => hsm.openVault(aVault(changes), wrapped)).toThrow(coded('integrityFailure'))
      })

      test('refuses keys that were altered, exchanged with each other or are of a format that is to come', async () => {
        const wrapped = await hsm.createVaultKeys(aVault())
        const { hsmKek, softwareKek, macKey } = textsOf(wrapped)
        hsm.openVault(aVault(), wrapped)
        for (const changes of [
          { hsmKek: altered(hsmKek) },
          { softwareKek: altered(softwareKek) },
          { macKey: altered(macKey) },
          { hsmKek: '' },
          { hsmKek: softwareKek, softwareKek: hsmKek },
          { hsmKek: softwareKek },
          { macKey: hsmKek },
          { format: 'vaultspan/vault-keys/2' as typeof wrapped.format },
        ]) {
          // Where KEKs are opened when they are needed, it shows then.
          const opened = async () => hsm.openVault(aVault(), { ...wrapped, ...changes }).generate(aMaterial())
          await expect(opened()).rejects.toEqual(coded('integrityFailure'))
        }
      })

      test('refuses the keys that another HSM wrapped', async () => {
        const wrapped = await (await openHsm()).createVaultKeys(aVault())
        expect(() => hsm.openVault(aVault(), wrapped)).toThrow(coded('integrityFailure'))
      })

      test('gives a row MAC of 16 bytes that fits this row in this vault only', async () => {
        const [vault, other] = [
          hsm.openVault(aVault(), await hsm.createVaultKeys(aVault())),
          hsm.openVault(aVault(), await hsm.createVaultKeys(aVault())),
        ]
        const mac = vault.rowMac('{"state":"ENABLED"}')
        expect(mac).toHaveLength(16)
        expect(vault.isRowMac('{"state":"ENABLED"}', mac)).toBe(true)
        expect(vault.isRowMac('{"state":"DISABLED"}', mac)).toBe(false)
        expect(vault.isRowMac('{"state":"ENABLED"}', mac.subarray(0, 15))).toBe(false)
        expect(other.isRowMac('{"state":"ENABLED"}', mac)).toBe(false)
      })
    })

    describe('for wrapped material', () => {
      const changes = {
        keyId: { keyId: 'ocid1.key.oc1.eu-test-1.v.other' },
        materialId: { materialId: 'ff'.repeat(16) },
        shape: { shape: { algorithm: 'AES', length: 16 } },
        protectionMode: { protectionMode: 'SOFTWARE' },
        isExportable: { isExportable: true },
      } as const satisfies Partial<Record<keyof MaterialContext, Partial<MaterialContext>>>

      test.each(Object.entries(changes))('refuses another %s than it was made for', async (_what, change) => {
        const { vault, context, wrapped, use } = await aKey(aMaterial().shape)
        await use(() => undefined) // the cache must not let through what the MAC would not
        const used = vault.use({ ...context, ...change }, wrapped, () => 'used')
        await expect(used).rejects.toEqual(coded('integrityFailure'))
      })

      test('refuses an altered blob, MAC, public key or format', async () => {
        const { vault, context, wrapped, use } = await aKey(ecdsaShapes.NIST_P256)
        const other = await vault.generate(context)
        await use(() => undefined)
        const tampered: WrappedKey[] = [
          { ...wrapped, blob: altered(wrapped.blob) },
          { ...wrapped, blob: other.blob },
          { ...wrapped, mac: altered(wrapped.mac) },
          { ...wrapped, mac: '' },
          { ...wrapped, publicKey: other.publicKey ?? '' },
          { format: wrapped.format, blob: wrapped.blob, mac: wrapped.mac },
        ]
        for (const each of tampered) {
          await expect(vault.use(context, each, () => 'used')).rejects.toEqual(coded('integrityFailure'))
        }
        const newer = { ...wrapped, format: 'vaultspan/key/2' as typeof wrapped.format }
        await expect(vault.use(context, newer, () => 'used')).rejects.toThrow('this version reads "vaultspan/key/1"')
      })

      test('refuses a key of another vault', async () => {
        const { context, wrapped } = await aKey(aMaterial().shape)
        const other = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
        await expect(other.use(context, wrapped, () => 'used')).rejects.toEqual(coded('integrityFailure'))
      })

      test('lets an error of the work through and lends the key again', async () => {
        const { use } = await aKey(aMaterial().shape)
        await expect(use(() => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work')
        expect(await use((key) => key.encrypt('AES_256_GCM', message, {}))).toHaveLength(message.length + 90)
      })

      test('refuses to make material without a proper id', async () => {
        const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
        await expect(vault.generate(aMaterial({ materialId: 'short' }))).rejects.toThrow('32 lower-case hex digits')
      })
    })

    describe.each([16, 24, 32] as const)('with an AES key of %i bytes', (length) => {
      test.each(['HSM', 'SOFTWARE'] as const)('decrypts what it encrypted (%s)', async (protectionMode) => {
        const { use, context } = await aKey({ algorithm: 'AES', length }, { protectionMode })
        await use(async (key) => {
          const ciphertext = await key.encrypt('AES_256_GCM', message, { purpose: 'test' })
          expect(hsm.ciphertextMaterialId(ciphertext)).toBe(context.materialId)
          expect(await key.decrypt('AES_256_GCM', ciphertext, { purpose: 'test' })).toEqual(message)
        })
      })

      test('refuses an algorithm of another family', async () => {
        const { use } = await aKey({ algorithm: 'AES', length })
        await use(async (key) => {
          await expect(attempt(() => key.encrypt('RSA_OAEP_SHA_256', message, {}))).rejects.toEqual(
            coded('invalidParameter'),
          )
          await expect(attempt(() => key.decrypt('RSA_OAEP_SHA_1', message, {}))).rejects.toEqual(
            coded('invalidParameter'),
          )
          await expect(key.sign('ECDSA_SHA_256', 'RAW', message)).rejects.toEqual(coded('invalidParameter'))
          await expect(key.verify('ECDSA_SHA_256', 'RAW', message, message)).rejects.toEqual(coded('invalidParameter'))
        })
      })
    })

    describe('with an RSA key', () => {
      let rsa: Awaited<ReturnType<typeof aKey>>

      beforeAll(async () => {
        rsa = await aKey(rsa2048)
      })

      test.each([
        ['RSA_OAEP_SHA_1', 214],
        ['RSA_OAEP_SHA_256', 190],
      ] as const)('%s decrypts up to %i bytes and refuses more', async (algorithm, limit) => {
        await rsa.use(async (key) => {
          const plaintext = randomBytes(limit)
          const ciphertext = await key.encrypt(algorithm, plaintext, {})
          expect(ciphertext).toHaveLength(256)
          expect(await key.decrypt(algorithm, ciphertext, {})).toEqual(plaintext)
          await expect(attempt(() => key.encrypt(algorithm, Buffer.alloc(limit + 1), {}))).rejects.toThrow(
            `${limit} bytes`,
          )
        })
      })

      test('refuses damaged, short and foreign ciphertexts with one text', async () => {
        await rsa.use(async (key) => {
          const ciphertext = await key.encrypt('RSA_OAEP_SHA_256', message, {})
          for (const bad of [ciphertext.subarray(1), Buffer.alloc(256, 0xff), Buffer.alloc(0)]) {
            await expect(attempt(() => key.decrypt('RSA_OAEP_SHA_256', bad, {}))).rejects.toThrow('does not open')
          }
          await expect(attempt(() => key.decrypt('RSA_OAEP_SHA_1', ciphertext, {}))).rejects.toThrow('does not open')
        })
      })

      test('refuses associatedData, which has a meaning for AES only', async () => {
        await rsa.use(async (key) => {
          const encrypted = attempt(() => key.encrypt('RSA_OAEP_SHA_256', message, { a: 'b' }))
          await expect(encrypted).rejects.toEqual(coded('invalidParameter'))
        })
      })

      test.each(rsaAlgorithms)(
        '%s signs by message and by digest, and each verifies as the other',
        async (algorithm) => {
          await rsa.use((key) => signsBothWays(key, algorithm))
        },
      )

      test('refuses an ECDSA algorithm', async () => {
        const signed = rsa.use((key) => key.sign('ECDSA_SHA_256', 'RAW', message))
        await expect(signed).rejects.toEqual(coded('invalidParameter'))
      })
    })

    wrappingKeyContract(openHsm)
    importContract(openHsm)
    importRsaContract(openHsm)
    exportContract(openHsm)
    destroyContract(openHsm)
    backupContract(openHsm, keepsPrivateVaults)

    describe.each(Object.values(ecdsaShapes))('with a key on $curveId', (shape) => {
      test('signs by message and by digest, and each verifies as the other', async () => {
        const { use } = await aKey(shape)
        await use((key) => signsBothWays(key, ecdsaAlgorithms[shape.curveId]))
      })

      test('refuses the hash of another curve, and to encrypt', async () => {
        const { use } = await aKey(shape)
        const others = Object.values(ecdsaAlgorithms).filter(
          (algorithm) => algorithm !== ecdsaAlgorithms[shape.curveId],
        )
        for (const algorithm of [...others, 'SHA_256_RSA_PKCS_PSS'] as const) {
          await expect(use((key) => key.sign(algorithm, 'RAW', message))).rejects.toEqual(coded('invalidParameter'))
        }
        const encrypted = use((key) => key.encrypt('RSA_OAEP_SHA_256', message, {}))
        await expect(encrypted).rejects.toEqual(coded('invalidParameter'))
      })
    })
  })
}

async function signsBothWays(key: UsableKey, algorithm: SigningAlgorithm): Promise<void> {
  const bits = /\d{3}/.exec(algorithm)?.[0] ?? ''
  const digest = hash(`sha${bits}`, message, 'buffer')
  const ofMessage = await key.sign(algorithm, 'RAW', message)
  const ofDigest = await key.sign(algorithm, 'DIGEST', digest)
  expect(await key.verify(algorithm, 'DIGEST', digest, ofMessage)).toBe(true)
  expect(await key.verify(algorithm, 'RAW', message, ofDigest)).toBe(true)
  for (const messageType of ['RAW', 'DIGEST'] as const) {
    const signed = messageType === 'RAW' ? message : digest
    const other = Buffer.from(signed)
    other[0] = (other[0] ?? 0) ^ 1
    expect(await key.verify(algorithm, messageType, other, ofMessage)).toBe(false)
    for (const bad of [
      Buffer.alloc(0),
      Buffer.alloc(7, 1),
      ofMessage.subarray(1),
      Buffer.alloc(ofMessage.length, 0xff),
    ]) {
      expect(await key.verify(algorithm, messageType, signed, bad)).toBe(false)
    }
  }
  await expect(key.sign(algorithm, 'DIGEST', digest.subarray(1))).rejects.toEqual(coded('invalidParameter'))
  const verified = key.verify(algorithm, 'DIGEST', digest.subarray(1), ofMessage)
  await expect(verified).rejects.toEqual(coded('invalidParameter'))
}

/** A synchronous throw and a rejection are the same to a caller who awaits. */
async function attempt<T>(work: () => Promise<T> | T): Promise<T> {
  return work()
}
