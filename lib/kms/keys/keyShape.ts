import type { CurveId, KeyShape } from '../../hsm/hsm.ts'
import { KmsError } from '../../errors.ts'

/** The key shapes OCI has (contract §3.2), lengths in bytes. */
const lengths = { AES: [16, 24, 32], RSA: [256, 384, 512], ECDSA: [32, 48, 66] } as const satisfies Record<
  KeyShape['algorithm'],
  readonly number[]
>

const curveOfLength: Readonly<Record<number, CurveId>> = { 32: 'NIST_P256', 48: 'NIST_P384', 66: 'NIST_P521' }

/** @throws KmsError invalidParameter for any combination that OCI does not have. */
export function parseShape(shape: {
  algorithm: KeyShape['algorithm']
  length: number
  curveId?: string | null | undefined
}): KeyShape {
  const { algorithm, length } = shape
  const known: readonly number[] = lengths[algorithm]
  if (!known.includes(length)) {
    throw new KmsError('invalidParameter', `keyShape.length must be one of ${known.join(', ')} bytes for ${algorithm}.`)
  }
  const curveId = algorithm === 'ECDSA' ? curveOfLength[length] : undefined
  if (shape.curveId != null && shape.curveId !== curveId) {
    const wanted = curveId === undefined ? `${algorithm} takes no curve` : `length ${length} needs ${curveId}`
    throw new KmsError('invalidParameter', `keyShape.curveId does not fit: ${wanted}.`)
  }
  // INVARIANT: the checks above leave only members of KeyShape.
  return (curveId === undefined ? { algorithm, length } : { algorithm, length, curveId }) as KeyShape
}
