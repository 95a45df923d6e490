import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import type { Hsm, KeyShape } from '../../../lib/hsm/hsm.ts'
import { aMaterial, rsa2048 } from './fixtures.ts'
import { anImporter, toTakeOut, type Importer } from './importer.ts'
import { wrapOutside } from '../tokens/outside.ts'
import { aPrime, numbersOf, rsa2048Numbers, rsaPkcs8, type RsaNumbers } from './rsaNumbers.ts'
import { wycheproof } from './wycheproof.ts'

const der = { format: 'der', type: 'pkcs8' } as const

/** Import of RSA keys: which are sound, and in which form. */
export function importRsaContract(openHsm: () => Promise<Hsm> | Hsm): void {
  describe('for an RSA key from outside', () => {
    const brought = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pkcs8 = brought.privateKey.export(der)
    let outside: Importer

    beforeAll(async () => {
      outside = await anImporter(await openHsm())
    })

    const take = async (material: Uint8Array, shape: KeyShape = rsa2048) =>
      outside.kept(shape, 'RSA_OAEP_AES_SHA256', await wrapOutside(outside.pem, 'RSA_OAEP_AES_SHA256', material))
    const refuse = async (material: Uint8Array, shape: KeyShape = rsa2048) =>
      outside.refusal(shape, 'RSA_OAEP_AES_SHA256', await wrapOutside(outside.pem, 'RSA_OAEP_AES_SHA256', material))

    test('is taken as it is, with the public key that follows from it', async () => {
      const blob = await wrapOutside(outside.pem, 'RSA_OAEP_AES_SHA256', pkcs8)
      const wrapped = await outside.put(rsa2048, 'RSA_OAEP_AES_SHA256', blob)
      expect(createPublicKey(wrapped.publicKey ?? '').equals(brought.publicKey)).toBe(true)
      const message = Buffer.from('signed inside')
      const signature = await outside.vault.use(aMaterial({ shape: rsa2048, ...toTakeOut }), wrapped, (key) =>
        key.sign('SHA_256_RSA_PKCS1_V1_5', 'RAW', message),
      )
      expect(verify('sha256', message, brought.publicKey, signature)).toBe(true)
      expect(await take(pkcs8)).toEqual(pkcs8)
    })

    test.each([
      ['rsa_oaep_2048_sha256_mgf1sha256', 256],
      ['rsa_oaep_3072_sha256_mgf1sha256', 384],
      ['rsa_oaep_4096_sha256_mgf1sha256', 512],
    ] as const)('is taken from %s', async (file, length) => {
      const [group] = wycheproof(file)
      const published = Buffer.from(group?.text('privateKeyPkcs8') ?? '', 'hex')
      expect(numbersOf(await take(published, { algorithm: 'RSA', length }))).toEqual(numbersOf(published))
    })

    test.each([3n, 17n, (1n << 64n) - 59n])('may have the public exponent %s', async (exponent) => {
      const numbers = rsa2048Numbers(exponent)
      expect(numbersOf(await take(rsaPkcs8(numbers)))).toEqual(numbers)
    })

    test('is refused with another modulus length than its shape says', async () => {
      const { usual } = outside
      expect(await refuse(pkcs8, { algorithm: 'RSA', length: 384 })).toBe(usual)
      expect(await refuse(pkcs8, { algorithm: 'RSA', length: 512 })).toBe(usual)
    })

    const spki = { type: 'spki', format: 'der' } as const
    const otherForms = {
      encrypted: () => brought.privateKey.export({ ...der, cipher: 'aes-256-cbc', passphrase: '' }),
      'as its public half': () => brought.publicKey.export(spki),
      'with a byte behind it': () => Buffer.concat([pkcs8, Buffer.from([0])]),
      'in two copies': () => Buffer.concat([pkcs8, pkcs8]),
      'without its last byte': () => pkcs8.subarray(0, -1),
      'for PSS only': () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey.export(der),
      'that is on a curve': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(der),
      'with three primes': () =>
        Buffer.from(wycheproof('rsa_three_primes_oaep_2048_sha1_mgf1sha1')[0]?.text('privateKeyPkcs8') ?? '', 'hex'),
    } satisfies Record<string, () => Buffer>

    test.each(Object.entries(otherForms))('is refused %s', async (_form, encode) => {
      expect(await refuse(encode())).toBe(outside.usual)
    })

    const pkcs1 = { type: 'pkcs1', format: 'der' } as const
    const slips = {
      PEM: () => Buffer.from(brought.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      'PKCS#1': () => brought.privateKey.export(pkcs1),
      'base64 text': () => Buffer.from(pkcs8.toString('base64')),
      'hexadecimal text': () => Buffer.from(brought.privateKey.export(pkcs1).toString('hex')),
    } satisfies Record<string, () => Buffer>

    test.each(Object.entries(slips))(
      'is refused as %s, and the refusal says so and what is wanted',
      async (form, encode) => {
        const refusal = await refuse(encode())
        expect(refusal).toContain(`holds the key as ${form};`)
        expect(refusal).toContain('unencrypted PKCS#8 DER')
      },
    )

    const sound = numbersOf(pkcs8)
    const falsified = {
      n: () => ({ ...sound, n: sound.n + 2n }),
      e: () => ({ ...sound, e: 3n }),
      d: () => ({ ...sound, d: sound.d + 2n }),
      p: () => ({ ...sound, p: sound.p + 2n }),
      q: () => ({ ...sound, q: sound.q + 2n }),
      dp: () => ({ ...sound, dp: sound.dp + 2n }),
      dq: () => ({ ...sound, dq: sound.dq + 2n }),
      qInverse: () => ({ ...sound, qInverse: sound.qInverse + 2n }),
      'dp, longer by p - 1': () => ({ ...sound, dp: sound.dp + sound.p - 1n }),
      'qInverse, longer by p': () => ({ ...sound, qInverse: sound.qInverse + sound.p }),
      'd, longer than n': () => ({ ...sound, d: sound.d + (sound.p - 1n) * (sound.q - 1n) * 2n }),
      'd, false for the first prime': () => withPrivateExponent(sound, sound.d + sound.q - 1n),
      'd, false for the second prime': () => withPrivateExponent(sound, sound.d + sound.p - 1n),
      'primes exchanged': () => ({ ...sound, p: sound.q, q: sound.p }),
      'every part zero but n, e and d': () => ({ ...sound, p: 0n, q: 0n, dp: 0n, dq: 0n, qInverse: 0n }),
      'an exponent of 1': () => rsa2048Numbers(1n),
      'an exponent of 65 bits': () => rsa2048Numbers((1n << 64n) + 13n),
      'an even exponent': () => ({ ...sound, e: sound.e - 1n }),
      'a first factor that is no prime': () => rsa2048Numbers(65537n, () => aPrime(512) * aPrime(512)),
      'a second factor that is no prime': () => rsa2048Numbers(65537n, undefined, () => aPrime(512) * aPrime(512)),
      'primes of unequal length': () =>
        rsa2048Numbers(
          65537n,
          () => aPrime(1000),
          () => aPrime(1048),
        ),
    } satisfies Record<string, () => RsaNumbers>

    test.each(Object.entries(falsified))('is refused with a false part: %s', async (_part, make) => {
      expect(await refuse(rsaPkcs8(make()))).toBe(outside.usual)
    })

    test('is taken from its numbers, so the refusals above are not of the encoding', async () => {
      expect(await take(rsaPkcs8(sound))).toEqual(pkcs8)
      const smallest = { ...sound, d: carmichaelInverse(sound) }
      expect(numbersOf(await take(rsaPkcs8(smallest)))).toEqual(smallest)
    })
  })
}

/** With the parts that follow from it, so that it is false by itself. */
function withPrivateExponent(numbers: RsaNumbers, d: bigint): RsaNumbers {
  return { ...numbers, d, dp: d % (numbers.p - 1n), dq: d % (numbers.q - 1n) }
}

/** The smallest private exponent, which some libraries write in place of the one modulo φ(n). */
function carmichaelInverse({ p, q, d }: RsaNumbers): bigint {
  let [larger, smaller] = [p - 1n, q - 1n]
  while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller]
  return d % (((p - 1n) * (q - 1n)) / larger)
}
