import { createPrivateKey, createPublicKey, hash } from 'node:crypto'
import type {
  CurveId,
  EncryptionAlgorithm,
  KeyShape,
  SigningAlgorithm,
  UsableKey,
  VaultKeys,
} from '../../../lib/hsm/hsm.ts'
import { signingAlgorithms } from '../../../lib/hsm/algorithms.ts'
import type { ProvisionedHsm } from '../../../lib/hsm/provisionedHsm.ts'
import { openSoftwareHsm } from '../../../lib/hsm/software/softwareHsm.ts'
import type { Material } from '../../../lib/hsm/software/material.ts'
import { SoftwareVaultKeys } from '../../../lib/hsm/software/vaultKeys.ts'
import { knownRsaPair } from '../../harness/knownRsaPair.ts'
import { openOutside, sealOutside } from './ciphertextOracle.ts'
import { ecdsaPkcs8, publishedEcdsaKeys } from './ecdsaKeys.ts'
import { aMaterial, aTransfer, aVault, ecdsaShapes, realm, tenancyId } from './fixtures.ts'
import { aWrappingKey } from './importer.ts'
import { wrapOutside } from '../tokens/outside.ts'
import { isSignedOutside, subtle } from './webOracle.ts'
import { wrongAnswers, wycheproof } from './wycheproof.ts'

type Use = <T>(work: (key: UsableKey) => Promise<T> | T) => Promise<T>

const oaepFiles = [
  ['rsa_oaep_2048_sha1_mgf1sha1', 'RSA_OAEP_SHA_1', 'SHA-1', 256],
  ['rsa_oaep_2048_sha256_mgf1sha256', 'RSA_OAEP_SHA_256', 'SHA-256', 256],
  ['rsa_oaep_3072_sha256_mgf1sha256', 'RSA_OAEP_SHA_256', 'SHA-256', 384],
  ['rsa_oaep_4096_sha256_mgf1sha256', 'RSA_OAEP_SHA_256', 'SHA-256', 512],
] as const satisfies readonly (readonly [string, EncryptionAlgorithm, string, number])[]

const ecdsaFiles = [
  ['ecdsa_secp256r1_sha256', 'NIST_P256', 'ECDSA_SHA_256'],
  ['ecdsa_secp384r1_sha384', 'NIST_P384', 'ECDSA_SHA_384'],
  ['ecdsa_secp521r1_sha512', 'NIST_P521', 'ECDSA_SHA_512'],
] as const

/** A key for each hash; one of the longer ones, which take their time. */
const rsaSigning = [
  [256, ['224', '256', '384', '512']],
  [384, ['384']],
  [512, ['512']],
] as const satisfies readonly (readonly [256 | 384 | 512, readonly ('224' | '256' | '384' | '512')[]])[]

const message = Buffer.from('a message for the oracle')

/**
 * Published vectors and an independent implementation, through the port: keys are imported into the backend and used there.
 * ECDSA keys, which nobody can import, and keys to sign come with a vault of another region, whose keys are known.
 */
export function vectorContract(openHsm: () => Promise<ProvisionedHsm> | ProvisionedHsm): void {
  describe('by published vectors and an oracle', () => {
    let vault: VaultKeys
    let outside: SoftwareVaultKeys
    let bring: (shape: KeyShape, material: Buffer) => Promise<Use>

    beforeAll(async () => {
      const hsm = await openHsm()
      ;({ vault, outside } = await aVaultFromOutside(hsm))
      const wrappingKey = await aWrappingKey(vault)
      bring = async (shape, material) => {
        const scheme = 'RSA_OAEP_AES_SHA256'
        const blob = await wrapOutside(wrappingKey.wrapped.publicKey ?? '', scheme, material)
        const context = aMaterial({ shape })
        const wrapped = await vault.importWrapped(context, wrappingKey, scheme, blob)
        return (work) => vault.use(context, wrapped, work)
      }
    })

    function fromOutside(shape: KeyShape, material: Required<Material>): Use {
      const context = aMaterial({ shape })
      const wrapped = outside.wrapMaterial(context, material)
      return (work) => vault.use(context, wrapped, work)
    }

    function ecdsaFromOutside(curveId: CurveId, publicKey: string): Use {
      return fromOutside(ecdsaShapes[curveId], { secret: ecdsaPkcs8(curveId, publicKey), publicKey })
    }

    test.each(oaepFiles)(
      'every vector of %s decrypts under its imported key as it says',
      async (file, algorithm, hashName, length) => {
        const [group] = wycheproof(file)
        const pkcs8 = Buffer.from(group?.text('privateKeyPkcs8') ?? '', 'hex')
        const use = await bring({ algorithm: 'RSA', length }, pkcs8)
        const refusals = new Set<string>()
        const wrong = await wrongAnswers(file, async (vector) => {
          const opened = await use((key) => key.decrypt(algorithm, vector.bytes('ct'), {})).catch((error: unknown) => {
            expect(error).toMatchObject({ name: 'KmsError', code: 'invalidParameter' })
            refusals.add((error as Error).message)
          })
          return opened?.equals(vector.bytes('msg')) === true
        })
        expect(wrong).toEqual([])
        expect(refusals.size).toBe(1)
        const oaep = { name: 'RSA-OAEP', hash: hashName }
        const theirs = await subtle.importKey('pkcs8', pkcs8, oaep, false, ['decrypt'])
        const ciphertext = await use((key) => key.encrypt(algorithm, message, {}))
        expect(Buffer.from(await subtle.decrypt(oaep, theirs, ciphertext))).toEqual(message)
      },
    )

    test.each(rsaSigning)(
      'RSA keys of %i bytes sign PKCS#1 v1.5 as published (%j), and PSS as the oracle verifies',
      async (length, chosen) => {
        const shape = { algorithm: 'RSA', length } as const
        const wrong: string[] = []
        for (const group of wycheproof(`rsa_pkcs1_${length * 8}_sig_gen`)) {
          const bits = chosen.find((each) => group.text('sha') === `SHA-${each}`)
          if (bits === undefined) continue
          const pkcs8 = Buffer.from(group.text('privateKeyPkcs8'), 'hex')
          if (!hasEqualPrimes(pkcs8)) continue
          const publicKey = publicPemOf(pkcs8)
          const use = fromOutside(shape, { secret: pkcs8, publicKey })
          const algorithm = `SHA_${bits}_RSA_PKCS1_V1_5` as const
          for (const vector of group.vectors) {
            const [text, signature] = [vector.bytes('msg'), vector.bytes('sig')]
            const ours = await bothWays(use, algorithm, text)
            const isVerified = await use((key) => key.verify(algorithm, 'RAW', text, signature))
            if (!isVerified || !ours.every((each) => each.equals(signature))) wrong.push(String(vector.tcId))
          }
          await signsAsTheOracleVerifies(use, `SHA_${bits}_RSA_PKCS_PSS`, publicKey)
        }
        expect(wrong).toEqual([])
      },
    )

    // Sampled: asymmetricVectors.test.ts has all of them.
    test.each(ecdsaFiles)(
      'ECDSA keys sign as the oracle verifies, and verify the vectors of %s',
      async (file, curveId, algorithm) => {
        const published = publishedEcdsaKeys[curveId]
        const use = ecdsaFromOutside(curveId, published)
        await signsAsTheOracleVerifies(use, algorithm, published)
        const keys = new Map<string, Use>()
        const wrong = await wrongAnswers(
          file,
          async (vector, group) => {
            const publicKey = group.text('publicKeyPem')
            const key = keys.get(publicKey) ?? ecdsaFromOutside(curveId, publicKey)
            keys.set(publicKey, key)
            return key((each) => each.verify(algorithm, 'RAW', vector.bytes('msg'), vector.bytes('sig')))
          },
          ({ tcId }) => tcId % 3 === 0,
        )
        expect(wrong).toEqual([])
        expect(keys.size).toBeGreaterThan(20)
      },
    )

    test.each([16, 24, 32] as const)(
      'AES keys of %i bytes open what the oracle sealed, and it what they do',
      async (length) => {
        const vectors = wycheproof('aes_gcm')
          .flatMap((group) => group.vectors)
          .filter((vector) => vector.bytes('key').length === length && vector.isAccepted)
          .filter((_vector, index) => index % 10 === 0)
        expect(vectors.length).toBeGreaterThan(3)
        for (const vector of vectors) {
          const [master, plaintext] = [vector.bytes('key'), vector.bytes('msg')]
          const use = await bring({ algorithm: 'AES', length }, master)
          const { materialId } = aMaterial()
          const pairs = { purpose: vector.bytes('aad').toString('hex'), vector: String(vector.tcId), ä: '' }
          const nonce = hash('sha256', vector.bytes('iv'), 'buffer').subarray(0, 24)
          const theirs = await sealOutside(master, materialId, nonce, plaintext, pairs)
          expect(await use((key) => key.decrypt('AES_256_GCM', theirs, pairs))).toEqual(plaintext)
          const ours = await use((key) => key.encrypt('AES_256_GCM', plaintext, pairs))
          expect(await openOutside(master, materialId, ours, pairs)).toEqual(plaintext)
        }
      },
    )
  })
}

async function signsAsTheOracleVerifies(use: Use, algorithm: SigningAlgorithm, publicKeyPem: string): Promise<void> {
  for (const signature of await bothWays(use, algorithm, message)) {
    expect(await isSignedOutside(algorithm, publicKeyPem, message, signature)).toBe(true)
    expect(await isSignedOutside(algorithm, publicKeyPem, Buffer.from('another'), signature)).toBe(false)
  }
}

/** Signatures of the message and of its digest. */
async function bothWays(use: Use, algorithm: SigningAlgorithm, text: Buffer): Promise<readonly [Buffer, Buffer]> {
  const digest = hash(signingAlgorithms[algorithm].hash, text, 'buffer')
  return use(async (key) => [await key.sign(algorithm, 'RAW', text), await key.sign(algorithm, 'DIGEST', digest)])
}

/** Nobody can import any other: importRsaContract.ts. */
function hasEqualPrimes(pkcs8: Buffer): boolean {
  const { n = '', p = '' } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' })
  return Buffer.from(p, 'base64url').length * 2 === Buffer.from(n, 'base64url').length
}

function publicPemOf(pkcs8: Buffer): string {
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

/** A vault that came into the backend from a region whose keys the test can make as it wants. */
async function aVaultFromOutside(hsm: ProvisionedHsm): Promise<{ vault: VaultKeys; outside: SoftwareVaultKeys }> {
  const home = openSoftwareHsm({ realm, region: 'us-vectors-1', generateRsa: knownRsaPair })
  const root = home.createTenancyRoot(tenancyId)
  await hsm.acceptStatement(root, home.issueStatement(tenancyId, hsm.region, hsm.identityPublicKey))
  const transfer = aTransfer({ source: home.region, destination: hsm.region })
  const keys = await home.createVaultKeys(aVault())
  const transport = await hsm.createTransportKey(transfer)
  const bundle = await home.exportVaultKeys(transfer, keys, transport.offer)
  const vault = hsm.openVault(aVault(), await hsm.importVaultKeys(transfer, bundle, transport))
  const outside = home.openVault(aVault(), keys)
  if (!(outside instanceof SoftwareVaultKeys)) throw new Error('The simulated HSM opens its vaults in the process.')
  return { vault, outside }
}
