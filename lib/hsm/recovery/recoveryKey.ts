import { createHmac, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { canonicalJson } from '../../canonicalJson.ts'
import { UserError } from '../../userError.ts'
import { isSameMac } from '../formats/blobMac.ts'
import { asJson } from '../formats/statement.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import type { RsaGenerator } from '../software/material.ts'

const format = 'vaultspan/recovery-key/1'
const ROOT_LENGTH = 32
/** A copy may be kept for decades. */
const RECOVERY_KEY_BITS = 4096

export const recoveryKeySchema = v.strictObject({
  format: v.literal(format),
  /** Names what the custodians' shares are of. */
  ceremony: v.string(),
  /** RFC 3339. */
  at: v.string(),
  /** So many shares restore. */
  threshold: v.number(),
  /** The digests of all shares, in their order. */
  shares: v.array(v.string()),
  /** PEM, RSA: copies of what stays in a token leave it under this, and backups are encrypted under it. */
  publicKey: v.string(),
  /** PKCS#8 by AES-KWP under a key of the recovery root, base64. */
  privateKey: v.pipe(v.string(), v.base64()),
  /** Which key speaks for each region, PEM. */
  identities: v.record(v.string(), v.string()),
  /** HMAC by a key of the recovery root over every other member, base64. */
  mac: v.pipe(v.string(), v.base64()),
  /** By each region's identity over every other member: ECDSA P-384, DER, base64. */
  signatures: v.exactOptional(v.record(v.string(), v.string())),
})

/**
 * What a ceremony leaves beside a cloud. Nothing of it is secret: the private half opens with the recovery root alone, which
 * nobody has but M of N custodians together.
 */
export type RecoveryKey = v.InferOutput<typeof recoveryKeySchema>

export interface NewRecoveryKey extends Pick<RecoveryKey, 'ceremony' | 'publicKey' | 'privateKey'> {
  /** Whoever asked splits it, and clears it. */
  readonly root: Buffer
}

export async function createRecoveryKey(ceremony: string, generateRsa: RsaGenerator): Promise<NewRecoveryKey> {
  const root = randomBytes(ROOT_LENGTH)
  const { secret, publicKey } = await generateRsa(RECOVERY_KEY_BITS).catch((cause: unknown) => {
    root.fill(0)
    throw cause
  })
  try {
    const privateKey = wrapKey(keyOf(root, ceremony, 'private key'), secret).toString('base64')
    return { ceremony, publicKey, privateKey, root }
  } catch (cause) {
    root.fill(0)
    throw cause
  } finally {
    secret.fill(0)
  }
}

/** With what the root says belongs to it. */
export function endorsed(root: Buffer, fields: Omit<RecoveryKey, 'format' | 'mac' | 'signatures'>): RecoveryKey {
  const unsigned = { format, ...fields } as const
  return { ...unsigned, mac: macOf(root, unsigned).toString('base64') }
}

/** The private half as PKCS#8, which the caller clears. @throws UserError where the key is not as this root endorsed it. */
export function openRecoveryKey({ mac, signatures: _, ...unsigned }: RecoveryKey, root: Buffer): Buffer {
  // INVARIANT: the MAC covers both halves, so that they are those of one pair.
  if (!isSameMac(macOf(root, unsigned), Buffer.from(mac, 'base64'))) throw damagedRecovery()
  const { ceremony, privateKey } = unsigned
  const pkcs8 = unwrapKey(keyOf(root, ceremony, 'private key'), Buffer.from(privateKey, 'base64'))
  if (pkcs8 === undefined) throw damagedRecovery()
  return pkcs8
}

/** The shares are as they were given out. */
export function damagedRecovery(): UserError {
  return new UserError(
    'The shares are right; what the ceremony left (recovery.json, of which each backup has a copy) is damaged in this backup: name another copy with --recovery, that in the data directory or in another backup. Nothing was changed.',
  )
}

function macOf(root: Buffer, unsigned: Omit<RecoveryKey, 'mac' | 'signatures'>): Buffer {
  const key = keyOf(root, unsigned.ceremony, 'endorsement')
  return createHmac('sha256', key)
    .update(canonicalJson({ ...asJson(unsigned) }))
    .digest()
}

function keyOf(root: Buffer, ceremony: string, use: 'private key' | 'endorsement'): KeyObject {
  const key = Buffer.from(hkdfSync('sha256', root, ceremony, `${format} ${use}`, 32))
  try {
    return createSecretKey(key)
  } finally {
    key.fill(0)
  }
}
