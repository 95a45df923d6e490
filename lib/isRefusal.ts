import { isKmsError } from './errors.ts'

/** Whether a queue refused what it was sent: what no region would take says nothing about this one's being there. */
export function isRefusal(cause: unknown): boolean {
  return cause instanceof RangeError || isKmsError(cause, 'invalidParameter')
}
