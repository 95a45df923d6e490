import { isKmsError, KmsError } from '../errors.ts'
import { compartmentTree } from './compartmentTree.ts'
import { compileCondition, type Predicate } from './condition.ts'
import { parseStatement } from './parseStatement.ts'
import type { Condition } from './policyParser.js'
import type { Principal } from './principal.ts'
import { variablesOf } from './requireKnownVariables.ts'
import { isPrincipalVariable, principalVariableReader } from './variables.ts'

/** A rule is a condition of the policy language, which stands behind this. */
const before = 'allow any-user to read keys in tenancy where '

/** OCI's rules on its own resources, which are kept and match nobody. */
const ofResources = /^(instance|resource|tag)\./i

/** @throws KmsError invalidParameter for a rule on holders of tokens that does not parse or cannot mean anything. */
export function requireMatchingRule(rule: string): void {
  try {
    compileRule(rule)
    const unknown = variablesOf(conditionOf(rule)).find((name) => !isPrincipalVariable(name) && !ofResources.test(name))
    if (unknown !== undefined) throw new KmsError('invalidParameter', `${unknown} is nothing that a token says.`)
  } catch (cause) {
    if (!isKmsError(cause, 'invalidParameter')) throw cause
    throw new KmsError(
      'invalidParameter',
      "matchingRule must be a condition on request.principal.…, like All {request.principal.type = 'workload', request.principal.namespace = 'shop'}.",
      { cause },
    )
  }
}

/** Whether a rule is true of a workload. One that was stored by a version that understood it otherwise matches nobody. */
export function matchesRule(rule: string): (principal: Principal) => boolean {
  const predicate = compiledOrNobody(rule)
  return (principal) => predicate({ principal, tree: noTree, request: noRequest, permission: 'KEY_READ' })
}

function compileRule(rule: string): Predicate {
  return compileCondition(conditionOf(rule), { readerOf: principalVariableReader })
}

function conditionOf(rule: string): Condition {
  const statement = parseStatement(before + rule)
  if (statement.kind !== 'allow' || statement.where === undefined) {
    throw new KmsError('invalidParameter', 'A rule is one condition.')
  }
  return statement.where
}

function compiledOrNobody(rule: string): Predicate {
  try {
    return compileRule(rule)
  } catch (cause) {
    if (!isKmsError(cause, 'invalidParameter')) throw cause
    return () => false
  }
}

/** A rule is judged once per token, not per request: there is no time and no target, so tests on them are false. */
const noRequest = { permissions: [], compartmentId: '', operation: '', region: '', now: NaN, variables: {} } as const
const noTree = compartmentTree([{ id: '', parentId: null, name: '' }])
