import { KmsError } from '../errors.ts'
import { parseStatement } from './parseStatement.ts'
import type { Statement } from './policyParser.js'

type NoGrant = Exclude<Statement['kind'], 'allow' | 'deny'>

const reasons = {
  endorse: 'Endorse is for what groups do in other tenancies',
  admit: 'Admit is for what groups of other tenancies do here',
  define: 'Define gives names to Endorse and Admit',
} as const satisfies Record<NoGrant, string>

/**
 * For statements that are written now: tenancies do not work together here, so these would be taken and change nothing.
 * Of stored ones nothing is asked; they grant nothing (lib/iam/policy.ts).
 * @throws KmsError notImplemented
 */
export function requireGrant(text: string, number: number): void {
  const { kind } = parseStatement(text, number)
  if (kind === 'allow' || kind === 'deny') return
  throw new KmsError(
    'notImplemented',
    `Policy statement ${number}: ${reasons[kind]}, and this service has no access from one tenancy to another. Leave the statement out.`,
  )
}
