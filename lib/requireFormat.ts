import { KmsError } from './errors.ts'

/**
 * A document of another format is another version's, whatever its members are called: it is refused, never read.
 * @throws KmsError integrityFailure naming both formats.
 */
export function requireFormat(what: string, document: object, format: string): void {
  const found = 'format' in document ? document.format : undefined
  if (found === format) return
  throw new KmsError('integrityFailure', `${what} has the format "${String(found)}"; this version reads "${format}".`)
}
