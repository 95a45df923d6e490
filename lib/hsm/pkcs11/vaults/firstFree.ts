import { isKmsError, type KmsError } from '../../../errors.ts'
import { UserError } from '../../../userError.ts'

/**
 * The first of a pool's tokens that is free; undefined where none is. One that does not answer is passed over.
 * @throws KmsError unavailable where it is the only one that may be.
 */
export function firstFree(labels: readonly string[], isFree: (label: string) => boolean): string | undefined {
  let failed: KmsError | undefined
  for (const label of labels) {
    try {
      if (isFree(label)) return label
    } catch (cause) {
      if (!isKmsError(cause, 'unavailable')) throw cause
      failed ??= cause
    }
  }
  if (failed !== undefined) throw failed
  return undefined
}

/** What is to be done in a token; where it is away now, at a later start: the region does not wait for it. */
export function ifItAnswers(work: () => void): void {
  try {
    work()
  } catch (cause) {
    if (!(cause instanceof UserError) && !isKmsError(cause, 'unavailable')) throw cause
  }
}
