import { isKmsError, KmsError } from '../errors.ts'
import { parseStatement } from './parseStatement.ts'

/** A rule is a condition of the policy language, which stands behind this. */
const before = 'allow any-user to read keys in tenancy where '

/** @throws KmsError invalidParameter for a dynamic group's rule that does not parse. */
export function requireMatchingRule(rule: string): void {
  try {
    parseStatement(before + rule)
  } catch (cause) {
    if (!isKmsError(cause, 'invalidParameter')) throw cause
    throw new KmsError(
      'invalidParameter',
      "matchingRule must be a condition like All {request.principal.type = 'workload', request.principal.namespace = 'shop'}.",
      { cause },
    )
  }
}
