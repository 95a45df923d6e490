import { hash, timingSafeEqual } from 'node:crypto'
import { doesNotOpen } from '../../errors.ts'
import { encodeAssociatedData } from './associatedData.ts'
import {
  deriveMessageKey,
  NONCE_LENGTH,
  decryptMessage,
  encryptMessage,
  type DeriveBlocks,
  type MessageKey,
} from '../primitives/xaes.ts'
import { pooledRandom } from '../../pooledRandom.ts'

/**
 * The ciphertext of an AES key:
 *
 *     01 | suite | material id (16) | nonce (24) | commitment (32) | ciphertext | tag (16)
 *
 * suite: 01 = AES-256 master key, 02 = AES-192, 03 = AES-128. Everything before the commitment is authenticated.
 */

const FORMAT = 0x01
const suites = { 32: 0x01, 24: 0x02, 16: 0x03 } as const
const ID_END = 18
const HEADER_LENGTH = ID_END + NONCE_LENGTH
const COMMITMENT_END = HEADER_LENGTH + 32

/** What every ciphertext is longer by than its plaintext. */
export const CIPHERTEXT_OVERHEAD = COMMITMENT_END + 16

/** An AES master key as the ciphertext needs it, in whichever backend it lives. */
export interface MasterKey {
  readonly length: 16 | 24 | 32
  /** 32 hex digits. */
  readonly materialId: string
  readonly derive: DeriveBlocks
}

const random = pooledRandom()

type Pairs = Readonly<Record<string, string>>

export function encryptWith(master: MasterKey, plaintext: Uint8Array, associatedData: Pairs): Buffer {
  const context = encodeAssociatedData(associatedData)
  const nonce = random(NONCE_LENGTH)
  const key = deriveMessageKey(master.derive, master.length, nonce)
  // Each part is written to its place in what is answered: this runs for every request.
  const ciphertext = Buffer.allocUnsafe(CIPHERTEXT_OVERHEAD + plaintext.length)
  writeStart(master, ciphertext)
  ciphertext.set(nonce, ID_END)
  const header = ciphertext.subarray(0, HEADER_LENGTH)
  const aad = context.length === 0 ? header : Buffer.concat([header, context])
  ciphertext.write(takeCommitment(key, aad), HEADER_LENGTH, 'latin1')
  const { body, tag } = encryptMessage(key, aad, plaintext)
  ciphertext.set(body, COMMITMENT_END)
  ciphertext.set(tag, COMMITMENT_END + body.length)
  return ciphertext
}

const differs = { name: 'ciphertextDiffers' } as const

/** @throws KmsError invalidParameter with one text, whatever it is that does not fit. */
export function decryptWith(master: MasterKey, ciphertext: Uint8Array, associatedData: Pairs): Buffer {
  const context = encodeAssociatedData(associatedData)
  const start = writeStart(master, Buffer.allocUnsafe(ID_END))
  if (ciphertext.length < CIPHERTEXT_OVERHEAD || start.compare(ciphertext.subarray(0, ID_END)) !== 0)
    throw doesNotOpen(differs)
  const header = ciphertext.subarray(0, HEADER_LENGTH)
  const aad = Buffer.concat([header, context])
  const key = deriveMessageKey(master.derive, master.length, header.subarray(ID_END))
  // INVARIANT: the commitment is checked before GCM, so that no ciphertext opens under two keys or two contexts.
  const commitment = Buffer.from(takeCommitment(key, aad), 'latin1')
  const isCommitted = timingSafeEqual(commitment, ciphertext.subarray(HEADER_LENGTH, COMMITMENT_END))
  const plaintext = isCommitted ? decryptMessage(key, aad, ciphertext.subarray(COMMITMENT_END)) : undefined
  if (plaintext === undefined) throw doesNotOpen(differs)
  return plaintext
}

/** Undefined where the bytes cannot be a ciphertext of this format. Nothing is authenticated yet. */
export function ciphertextMaterialId(ciphertext: Uint8Array): string | undefined {
  if (ciphertext.length < CIPHERTEXT_OVERHEAD || ciphertext[0] !== FORMAT) return undefined
  if (!Object.values<number | undefined>(suites).includes(ciphertext[1])) return undefined
  return Buffer.from(ciphertext.subarray(2, ID_END)).toString('hex')
}

/** Everything before the nonce, at the beginning of `place`. */
function writeStart(master: MasterKey, place: Buffer): Buffer {
  place[0] = FORMAT
  place[1] = suites[master.length]
  if (place.write(master.materialId, 2, 'hex') !== 16) throw new RangeError('A material id has 32 hex digits.')
  return place
}

/** A character for each byte: OpenSSL's answer as a Buffer of its own would cost three times as much. */
function takeCommitment({ commitmentKey }: MessageKey, aad: Uint8Array): string {
  const committed = Buffer.allocUnsafe(commitmentKey.length + aad.length)
  try {
    committed.set(commitmentKey)
    committed.set(aad, commitmentKey.length)
    return hash('sha256', committed, 'binary')
  } finally {
    commitmentKey.fill(0)
    committed.fill(0)
  }
}
