import { hash } from 'node:crypto'
import { combine, split } from 'shamir-secret-sharing'
import * as v from 'valibot'
import { parseUniqueJson } from '../../parseUniqueJson.ts'
import { UserError } from '../../userError.ts'
import { damagedRecovery, openRecoveryKey, type RecoveryKey } from './recoveryKey.ts'
import { isAsMade } from './signedRecovery.ts'

const format = 'vaultspan/recovery-share/1'

const schema = v.strictObject({
  format: v.literal(format),
  ceremony: v.string(),
  /** From 1. */
  number: v.pipe(v.number(), v.integer(), v.minValue(1)),
  custodians: v.number(),
  threshold: v.number(),
  share: v.pipe(v.string(), v.base64()),
  /** Of all the others: finds a slip of the pen, and is what the transcript has. */
  digest: v.string(),
})

/** What one custodian keeps: a Shamir share of the recovery root (decision 15). */
export type Share = v.InferOutput<typeof schema>

/** As it was read. */
export interface GivenShare extends Share {
  /** Where; what is wrong with it names that. */
  readonly place?: string
}

export interface Custody {
  readonly custodians: number
  /** So many of them restore. */
  readonly threshold: number
}

/** What a library of Shamir's takes: x is a byte, and 0 is the secret itself. */
const maxCustodians = 255

/** @throws UserError */
export function requireCustody({ custodians, threshold }: Custody): void {
  const isFit = Number.isInteger(threshold) && threshold >= 2 && threshold <= custodians && custodians <= maxCustodians
  if (isFit) return
  throw new UserError(
    `Of ${custodians} custodians, --threshold takes 2 to ${Math.min(custodians, maxCustodians)}: a share that restores by itself is no share.`,
  )
}

export async function splitRoot(root: Buffer, ceremony: string, custody: Custody): Promise<readonly Share[]> {
  // The library takes no subclass of it.
  const copy = new Uint8Array(root)
  const parts = await split(copy, custody.custodians, custody.threshold).finally(() => copy.fill(0))
  return parts.map((part, index) => {
    const share = Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64')
    part.fill(0)
    const unsigned = { format, ceremony, number: index + 1, ...custody, share } as const
    return { ...unsigned, digest: digestOf(unsigned) }
  })
}

/** @throws UserError where it is none, or was changed. Nothing of it is quoted: it is a secret. */
export function parseShare(place: string, text: string): Share & { readonly place: string } {
  let content: unknown
  try {
    content = parseUniqueJson(text)
  } catch {
    throw new UserError(`${place} is no share: it is not JSON.`)
  }
  const parsed = v.safeParse(schema, content)
  if (!parsed.success) throw new UserError(`${place} is no share of a recovery root (${format}).`)
  const { digest, ...unsigned } = parsed.output
  if (digestOf(unsigned) === digest) return { ...parsed.output, place }
  throw new UserError(`${place} is not as it was given out: its digest does not fit.`)
}

/** The recovery key's private half as PKCS#8, which the caller clears. @throws UserError in a sentence; nothing was done then. */
export async function recoveredKey(key: RecoveryKey, shares: readonly GivenShare[]): Promise<Buffer> {
  if (key.signatures !== undefined && !isAsMade(key)) throw damagedRecovery()
  const foreign = shares.find(({ ceremony }) => ceremony !== key.ceremony)
  if (foreign !== undefined)
    throw new UserError(
      `${foreign.place ?? `Share ${foreign.number}`} is of another ceremony (${foreign.ceremony}); the backup is of ${key.ceremony}. Nothing was changed.`,
    )
  const other = shares.find(({ number, digest }) => key.shares[number - 1] !== digest)
  if (other !== undefined)
    throw new UserError(
      `${other.place ?? `Share ${other.number}`} is not share ${other.number} as it was given out${key.signatures === undefined ? ', or the backup is damaged' : ''}: hsm verify compares it with the transcript. Nothing was changed.`,
    )
  const distinct = new Map(shares.map((each) => [each.number, each]))
  if (distinct.size < key.threshold)
    throw new UserError(`It takes ${key.threshold} different shares; there are ${distinct.size}. Nothing was changed.`)
  const parts = [...distinct.values()].map(({ share }) => new Uint8Array(Buffer.from(share, 'base64')))
  try {
    const root = await combined(parts)
    try {
      return openRecoveryKey(key, root)
    } finally {
      root.fill(0)
    }
  } finally {
    for (const part of parts) part.fill(0)
  }
}

async function combined(parts: Uint8Array[]): Promise<Buffer> {
  let root: Uint8Array
  try {
    root = await combine(parts)
  } catch (cause) {
    throw new UserError('The shares do not fit together. Nothing was changed.', { cause })
  }
  const copy = Buffer.from(root)
  root.fill(0)
  return copy
}

/** Of 32 random bytes and more: it gives nothing of the share away. */
function digestOf({ ceremony, number, custodians, threshold, share }: Omit<Share, 'digest'>): string {
  return hash('sha256', [format, ceremony, number, custodians, threshold, share].join('\0'))
}
