import { curves, keyLengths, type KeyAlgorithm, type KeyShape } from '../../hsm/algorithms.ts'
import { KmsError } from '../../errors.ts'
import { keysOf } from '../../keysOf.ts'

/** @throws KmsError invalidParameter for any combination that OCI does not have (contract §3.2). */
export function parseShape(shape: {
  algorithm: KeyAlgorithm
  length: number
  curveId?: string | null | undefined
}): KeyShape {
  const { algorithm, length } = shape
  const known: readonly number[] = keyLengths[algorithm]
  if (!known.includes(length)) {
    throw new KmsError('invalidParameter', `keyShape.length must be one of ${known.join(', ')} bytes for ${algorithm}.`)
  }
  const curveId = algorithm === 'ECDSA' ? keysOf(curves).find((name) => curves[name].coordinate === length) : undefined
  if (shape.curveId != null && shape.curveId !== curveId) {
    const wanted = curveId === undefined ? `${algorithm} takes no curve` : `length ${length} needs ${curveId}`
    throw new KmsError('invalidParameter', `keyShape.curveId does not fit: ${wanted}.`)
  }
  // INVARIANT: the checks above leave only members of KeyShape.
  return (curveId === undefined ? { algorithm, length } : { algorithm, length, curveId }) as KeyShape
}
