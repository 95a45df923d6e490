import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import * as v from 'valibot'
import { canonicalJson } from '../../canonicalJson.ts'
import { parseUniqueJson } from '../../parseUniqueJson.ts'
import { UserError } from '../../userError.ts'
import { asJson } from '../formats/statement.ts'
import { isP384Signature, p384PublicKey } from '../primitives/p384.ts'
import { rsaDecrypt, rsaEncrypt } from '../primitives/rsa.ts'
import { recoveryKeySchema, type RecoveryKey } from './recoveryKey.ts'
import { recoveredKey, type GivenShare } from './shares.ts'

const format = 'vaultspan/hsm-backup/1'
const base64 = v.pipe(v.string(), v.base64())

const schema = v.strictObject({
  format: v.literal(format),
  /** RFC 3339. */
  at: v.string(),
  /** Of the program that made it. */
  version: v.string(),
  region: v.string(),
  recovery: recoveryKeySchema,
  /** An AES key of this file's own, RSA-OAEP-SHA256 under the recovery key. */
  key: base64,
  iv: base64,
  /** AES-256-GCM. */
  content: base64,
  tag: base64,
  /** By the region's identity over every other member: ECDSA P-384, DER. */
  signature: base64,
})

/** What brings a region's HSM into new tokens, for whoever has enough shares. */
export type BackupFile = v.InferOutput<typeof schema>

export interface NewBackup extends Pick<BackupFile, 'at' | 'version' | 'region' | 'recovery'> {
  /** Cleared. */
  readonly content: Buffer
}

export async function encryptBackup(
  { content, ...fields }: NewBackup,
  sign: (bytes: Uint8Array) => Promise<Buffer>,
): Promise<BackupFile> {
  const [key, iv] = [randomBytes(32), randomBytes(12)]
  try {
    const cipher = createCipheriv('aes-256-gcm', key, iv)
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()])
    const unsigned = {
      format,
      ...fields,
      key: rsaEncrypt(createPublicKey(fields.recovery.publicKey), 'sha256', key).toString('base64'),
      iv: iv.toString('base64'),
      content: encrypted.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
    } as const
    return { ...unsigned, signature: (await sign(signedBytes(unsigned))).toString('base64') }
  } finally {
    key.fill(0)
    content.fill(0)
  }
}

/** `copy`: of what the ceremony left, for a file in which that cannot even be read. @throws UserError */
export function parseBackupFile(place: string, text: string, copy?: RecoveryKey): BackupFile {
  let content: unknown
  try {
    content = parseUniqueJson(text)
  } catch {
    throw new UserError(`${place} is no backup of hsm backup, or was cut off: it is not JSON.`)
  }
  const parsed = v.safeParse(schema, content)
  if (parsed.success) return parsed.output
  const mended = v.safeParse(schema, Object.assign({}, content, { recovery: copy }))
  if (mended.success) return mended.output
  throw new UserError(`${place} is no backup of hsm backup that this version reads (${format}).`)
}

export interface OpenedBackup {
  /** The caller clears both. */
  readonly content: Buffer
  /** PKCS#8 of the recovery key. */
  readonly recoveryKey: Buffer
}

/**
 * `recovery`: another copy of what the ceremony left, where the file's is damaged.
 * @throws UserError in a sentence, where anything about shares or file is not as it should be.
 */
export async function openBackup(
  file: BackupFile,
  shares: readonly GivenShare[],
  recovery = file.recovery,
): Promise<OpenedBackup> {
  const recoveryKey = await recoveredKey(recovery, shares)
  try {
    await requireSigned(file, recovery)
    return { content: await decrypted(file, recoveryKey), recoveryKey }
  } catch (cause) {
    recoveryKey.fill(0)
    throw cause
  }
}

/** By the identity that the ceremony names: whoever has the recovery key's public half could encrypt a file of their own. */
async function requireSigned(file: BackupFile, recovery: RecoveryKey): Promise<void> {
  const { region } = file
  const signer = p384PublicKey(recovery.identities[region] ?? '')
  // The file's own copy was damaged before it was signed, or since.
  for (const each of [file, { ...file, recovery }]) if (signer !== undefined && (await isSignedBy(signer, each))) return
  throw new UserError(
    `The backup was altered, or is not of the region ${region} that the ceremony knew. Nothing was changed.`,
  )
}

function isSignedBy(signer: KeyObject, { signature, ...unsigned }: BackupFile): Promise<boolean> {
  return isP384Signature(signer, signedBytes(unsigned), Buffer.from(signature, 'base64'))
}

async function decrypted(file: BackupFile, recoveryKey: Buffer): Promise<Buffer> {
  const privateKey = createPrivateKey({ key: recoveryKey, format: 'der', type: 'pkcs8' })
  const key = await rsaDecrypt(privateKey, 'sha256', Buffer.from(file.key, 'base64'))
  let content: Buffer | undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', key ?? '', Buffer.from(file.iv, 'base64'), { authTagLength: 16 })
    decipher.setAuthTag(Buffer.from(file.tag, 'base64'))
    content = decipher.update(Buffer.from(file.content, 'base64'))
    decipher.final()
    return content
  } catch (cause) {
    // What came before the tag did not fit.
    content?.fill(0)
    throw new UserError('The backup does not decrypt: it was altered. Nothing was changed.', { cause })
  } finally {
    key?.fill(0)
  }
}

function signedBytes(file: Omit<BackupFile, 'signature'>): Buffer {
  return Buffer.from(canonicalJson({ ...asJson(file), signature: undefined }))
}
