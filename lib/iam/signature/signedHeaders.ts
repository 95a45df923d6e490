import { LruCache } from '../../lruCache.ts'

/** The `headers` parameter of a signature, read and judged against contract §8.3 as far as no values are needed. */
export interface SignedHeaders {
  /** In lower case, in the order of signing. */
  readonly names: readonly string[]
  /** `date` and `x-date`, whichever are signed: at least one. */
  readonly dates: readonly string[]
  readonly hasLength: boolean
  readonly hasHash: boolean
  /** Whether length, type and hash of the body are signed. */
  readonly coversBody: boolean
}

export const requestTarget = '(request-target)'

/** Which of those that a request must sign its list lacks. */
export function unsignedHeaders(list: string, needsBody: boolean): readonly string[] {
  const names = list.toLowerCase().split(' ', maxNames + 1)
  const hasDate = names.includes('date') || names.includes('x-date')
  const needed = [requestTarget, 'host', ...(hasDate ? [] : ['date']), ...(needsBody ? ofBody : [])]
  return needed.filter((name) => !names.includes(name))
}

const ofBody = ['content-length', 'content-type', 'x-content-sha256']
const maxNames = 32
/** Each client sends the same one or two lists for ever. */
const cached = new LruCache<SignedHeaders>(64)

/** Undefined where a name every request must sign is missing, or one stands there twice, or there are more than 32. */
export function readSignedHeaders(list: string): SignedHeaders | undefined {
  const known = cached.get(list)
  if (known !== undefined) return known
  const names = list.toLowerCase().split(' ', maxNames + 1)
  const dates = names.filter((name) => name === 'date' || name === 'x-date')
  const isComplete = names.includes(requestTarget) && names.includes('host') && dates.length > 0
  if (!isComplete || names.length > maxNames || new Set(names).size < names.length) return undefined
  const hasLength = names.includes('content-length')
  const hasHash = names.includes('x-content-sha256')
  const read = { names, dates, hasLength, hasHash, coversBody: hasLength && hasHash && names.includes('content-type') }
  cached.set(list, read)
  return read
}
