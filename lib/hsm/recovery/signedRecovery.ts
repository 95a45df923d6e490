import { verify } from 'node:crypto'
import { canonicalJson } from '../../canonicalJson.ts'
import { asJson } from '../formats/statement.ts'
import { p384PublicKey } from '../primitives/p384.ts'
import type { RecoveryKey } from './recoveryKey.ts'
import type { Signer } from './transcript.ts'

/** Signed by each region that the ceremony made: the root's MAC tells damage to custodians only, when they meet to restore. */
export async function signedBy(made: RecoveryKey, signers: readonly Signer[]): Promise<RecoveryKey> {
  const bytes = bytesOf(made)
  const signed = await Promise.all(
    signers.map(async ({ region, sign }) => [region, (await sign(bytes)).toString('base64')] as const),
  )
  return { ...made, signatures: Object.fromEntries(signed) }
}

/** Whether every region that it names has signed it. That a region's key is its own, whoever has the region's HSM compares. */
export function isAsMade(recovery: RecoveryKey): boolean {
  const { identities, signatures = {} } = recovery
  const bytes = bytesOf(recovery)
  const regions = Object.keys(identities)
  return regions.length > 0 && regions.every((region) => isSigned(bytes, identities[region], signatures[region]))
}

function isSigned(bytes: Buffer, pem: string | undefined, signature: string | undefined): boolean {
  const key = pem === undefined ? undefined : p384PublicKey(pem)
  if (key === undefined || signature === undefined) return false
  return verify('sha384', bytes, { key, dsaEncoding: 'der' }, Buffer.from(signature, 'base64'))
}

function bytesOf({ signatures: _, ...unsigned }: RecoveryKey): Buffer {
  return Buffer.from(canonicalJson({ ...asJson(unsigned) }))
}
