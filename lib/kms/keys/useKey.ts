import { crc32 } from 'node:zlib'
import { defaultEncryption, encryptionsOf, signingsOf } from '../../hsm/algorithms.ts'
import type {
  EncryptionAlgorithm,
  KeyShape,
  MessageType,
  SigningAlgorithm,
  UsableKey,
  WrappingScheme,
} from '../../hsm/hsm.ts'
import { doesNotOpen, KmsError, notFoundOrForbidden } from '../../errors.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import type { VaultKey } from './changeKey.ts'
import { requireKeyState, requireVaultActive, requireVersionEnabled, type KeyOperation } from '../rows/lifecycle.ts'
import { versionContext } from '../rows/versionContext.ts'
import { madeOnce } from '../../madeOnce.ts'
import { materialIdOf } from '../../ocid.ts'
import type { KeyRow, KeyVersionRow } from '../rows/rows.ts'

export type CryptoPorts = Pick<KmsPorts, 'cache' | 'hsm' | 'random'>
export type AssociatedData = Readonly<Record<string, string>>

export interface Encrypted {
  readonly version: KeyVersionRow
  readonly algorithm: EncryptionAlgorithm
  readonly bytes: Buffer
}

const operationNeeds = {
  Encrypt: ['AES', 'RSA'],
  Decrypt: ['AES', 'RSA'],
  GenerateDataEncryptionKey: ['AES'],
  Sign: ['RSA', 'ECDSA'],
  Verify: ['RSA', 'ECDSA'],
} as const satisfies Partial<Record<KeyOperation, readonly KeyShape['algorithm'][]>>

type CryptoOperation = keyof typeof operationNeeds

export interface EncryptInput {
  readonly plaintext: Uint8Array
  readonly keyVersionId?: string
  readonly algorithm?: EncryptionAlgorithm
  readonly associatedData: AssociatedData
}

export async function encrypt(
  ports: CryptoPorts,
  loaded: VaultKey,
  input: EncryptInput,
  operation: 'Encrypt' | 'GenerateDataEncryptionKey' = 'Encrypt',
): Promise<Encrypted> {
  requireUsable(operation, loaded)
  const algorithm = encryptionAlgorithm(loaded, input)
  const found = versionInUse(ports, loaded, input.keyVersionId ?? loaded.key.currentKeyVersion)
  const version = found instanceof Promise ? await found : found
  const bytes = await useVersion(loaded, version, (key) =>
    key.encrypt(algorithm, input.plaintext, input.associatedData),
  )
  return { version, algorithm, bytes }
}

export interface DecryptInput extends Omit<EncryptInput, 'plaintext'> {
  readonly ciphertext: Uint8Array
}

/** An AES ciphertext names its version's material; an RSA one does not, so there the current version serves by default. */
export async function decrypt(ports: CryptoPorts, loaded: VaultKey, input: DecryptInput): Promise<Encrypted> {
  requireUsable('Decrypt', loaded)
  const algorithm = encryptionAlgorithm(loaded, input)
  const version = await decryptingVersion(ports, loaded, input)
  const bytes = await useVersion(loaded, version, (key) =>
    key.decrypt(algorithm, input.ciphertext, input.associatedData),
  )
  return { version, algorithm, bytes }
}

async function decryptingVersion(ports: CryptoPorts, loaded: VaultKey, input: DecryptInput): Promise<KeyVersionRow> {
  const { key, vault } = loaded
  if (key.shape.algorithm !== 'AES') return versionInUse(ports, loaded, input.keyVersionId ?? key.currentKeyVersion)
  const materialId = ports.hsm.ciphertextMaterialId(input.ciphertext)
  const version = materialId === undefined ? undefined : await ports.cache.version(vault.keys, key.id, materialId)
  // A ciphertext of another key, of no key and a damaged one are told apart to nobody.
  if (version === undefined) throw doesNotOpen({ name: 'ciphertextOfNoVersion', keyId: key.id })
  if (version.lifecycleState === 'DELETED') throw deletedVersion(version)
  if (input.keyVersionId !== undefined && input.keyVersionId !== version.id) {
    throw new KmsError(
      'invalidParameter',
      'keyVersionId is not the version that made this ciphertext; leave it out or correct it.',
    )
  }
  requireVersionEnabled(version)
  return version
}

export interface SignInput {
  readonly message: Uint8Array
  readonly messageType: MessageType
  readonly algorithm: SigningAlgorithm
  readonly keyVersionId?: string
}

export async function sign(
  ports: CryptoPorts,
  loaded: VaultKey,
  input: SignInput,
): Promise<{ version: KeyVersionRow; signature: Buffer }> {
  requireUsable('Sign', loaded)
  requireSigning(loaded, input.algorithm)
  const version = await versionInUse(ports, loaded, input.keyVersionId ?? loaded.key.currentKeyVersion)
  const signature = await useVersion(loaded, version, (key) =>
    key.sign(input.algorithm, input.messageType, input.message),
  )
  return { version, signature }
}

export async function verify(
  ports: CryptoPorts,
  loaded: VaultKey,
  input: SignInput & { signature: Uint8Array; keyVersionId: string },
): Promise<boolean> {
  requireUsable('Verify', loaded)
  requireSigning(loaded, input.algorithm)
  const version = await versionInUse(ports, loaded, input.keyVersionId)
  return useVersion(loaded, version, (key) =>
    key.verify(input.algorithm, input.messageType, input.message, input.signature),
  )
}

export interface DataKey extends Encrypted {
  readonly plaintext: Buffer
}

/** A fresh AES key and its ciphertext under the master key. The caller fills `plaintext` with zeros after use. */
export async function generateDataEncryptionKey(
  ports: CryptoPorts,
  loaded: VaultKey,
  input: { readonly shape: KeyShape; readonly associatedData: AssociatedData },
): Promise<DataKey> {
  if (input.shape.algorithm !== 'AES')
    throw new KmsError('invalidParameter', 'keyShape.algorithm of a data key must be AES.')
  const { buffer, byteOffset, byteLength } = ports.random(input.shape.length)
  // The same bytes: of a copy the caller would clear one half.
  const plaintext = Buffer.from(buffer, byteOffset, byteLength)
  try {
    const encrypted = await encrypt(
      ports,
      loaded,
      { plaintext, associatedData: input.associatedData },
      'GenerateDataEncryptionKey',
    )
    return { ...encrypted, plaintext }
  } catch (cause) {
    plaintext.fill(0)
    throw cause
  }
}

export interface ExportInput {
  readonly scheme: WrappingScheme
  /** PEM SubjectPublicKeyInfo, RSA. */
  readonly publicKey: string
  readonly keyVersionId?: string
}

/** A SOFTWARE key's material, encrypted for a key that the caller holds (contract §6.7). */
export async function exportKey(
  ports: CryptoPorts,
  loaded: VaultKey,
  input: ExportInput,
): Promise<{ version: KeyVersionRow; bytes: Buffer }> {
  const { vault, key } = loaded
  requireVaultActive(vault.row)
  requireKeyState('ExportKey', key)
  if (key.protectionMode !== 'SOFTWARE') {
    throw new KmsError(
      'invalidParameter',
      `Only a key whose protectionMode is SOFTWARE can be exported; this one is ${key.protectionMode}.`,
    )
  }
  const version = await versionInUse(ports, loaded, input.keyVersionId ?? key.currentKeyVersion)
  if (version.wrapped === null) throw deletedVersion(version)
  const context = versionContext(loaded.key, version.materialId)
  return { version, bytes: await vault.keys.exportUnder(context, version.wrapped, input.scheme, input.publicKey) }
}

/** Unsigned CRC-32 (IEEE) of the bytes as decimal text (contract §6.3). */
export function plaintextChecksum(bytes: Uint8Array): string {
  return String(crc32(bytes))
}

function deletedVersion({ id }: KeyVersionRow): KmsError {
  return notFoundOrForbidden({ name: 'keyVersionDeleted', keyVersionId: id })
}

function requireUsable(operation: CryptoOperation, { vault, key }: VaultKey): void {
  requireVaultActive(vault.row)
  requireKeyState(operation, key)
  const needed: readonly string[] = operationNeeds[operation]
  if (!needed.includes(key.shape.algorithm)) {
    throw new KmsError(
      'invalidParameter',
      `${operation} needs a key whose algorithm is ${needed.join(' or ')}; this one is ${key.shape.algorithm}.`,
    )
  }
}

function requireSigning({ key }: VaultKey, algorithm: SigningAlgorithm): void {
  const fitting = signingsOf(key.shape)
  if (!fitting.includes(algorithm)) throw unfitting('signingAlgorithm', key.shape, fitting)
}

function unfitting(member: string, shape: KeyShape, fitting: readonly string[]): KmsError {
  const kind = shape.algorithm === 'ECDSA' ? `ECDSA ${shape.curveId}` : shape.algorithm
  return new KmsError(
    'invalidParameter',
    `${member} does not fit this key, which is ${kind}: it takes ${fitting.join(', ')}.`,
  )
}

function encryptionAlgorithm(
  { key }: VaultKey,
  input: { algorithm?: EncryptionAlgorithm; associatedData: AssociatedData },
): EncryptionAlgorithm {
  const algorithm = input.algorithm ?? defaultEncryption(key.shape.algorithm)
  const fitting = encryptionsOf(key.shape)
  if (algorithm === undefined || !fitting.includes(algorithm))
    throw unfitting('encryptionAlgorithm', key.shape, fitting)
  if (key.shape.algorithm !== 'AES' && Object.keys(input.associatedData).length > 0) {
    throw new KmsError('invalidParameter', 'associatedData goes with AES keys only; leave it out.')
  }
  return algorithm
}

/** Of the current version, which most calls use; a key that is rotated is another row. */
const currentMaterials = new WeakMap<KeyRow, string | undefined>()

/** At once where it is cached. */
function versionInUse(
  { cache }: CryptoPorts,
  { vault, key }: VaultKey,
  keyVersionId: string,
): Promise<KeyVersionRow> | KeyVersionRow {
  const materialId =
    keyVersionId === key.currentKeyVersion
      ? madeOnce(currentMaterials, key, () => materialIdOf(keyVersionId))
      : materialIdOf(keyVersionId)
  const found = materialId === undefined ? undefined : cache.version(vault.keys, key.id, materialId)
  return found instanceof Promise
    ? found.then((version) => requireInUse(key, keyVersionId, version))
    : requireInUse(key, keyVersionId, found)
}

function requireInUse(key: KeyRow, keyVersionId: string, version: KeyVersionRow | undefined): KeyVersionRow {
  if (version?.id !== keyVersionId) {
    throw notFoundOrForbidden({ name: 'noSuchKeyVersion', keyVersionId, keyId: key.id })
  }
  if (version.lifecycleState === 'DELETED') throw deletedVersion(version)
  requireVersionEnabled(version)
  return version
}

function useVersion<T>(loaded: VaultKey, version: KeyVersionRow, work: (key: UsableKey) => Promise<T> | T): Promise<T> {
  // Only a DELETED version has none, and none of those comes here.
  if (version.wrapped === null) throw deletedVersion(version)
  return loaded.vault.keys.use(versionContext(loaded.key, version.materialId), version.wrapped, work)
}
