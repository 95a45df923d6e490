import { editDistance } from './editDistance.ts'
import { foldCase } from './foldCase.ts'
import { refusedStatement } from './parseStatement.ts'
import type { Condition } from './policyParser.js'
import { isKnownVariable, knownVariables } from './variables.ts'

/**
 * A test on a variable that no request has is false whatever it says: the statement would be stored and never apply.
 * @throws KmsError invalidParameter with the place, and those that there are.
 */
export function requireKnownVariables(condition: Condition, text: string, number: number): void {
  const unknown = variablesOf(condition).find((name) => !isKnownVariable(name))
  if (unknown === undefined) return
  throw refusedStatement(text, number, variableOffset(unknown, text), `${said(unknown)} ${all}`)
}

/** In the order of the text. */
export function variablesOf(condition: Condition): readonly string[] {
  if ('conditions' in condition) return condition.conditions.flatMap(variablesOf)
  const right = 'value' in condition && condition.value.kind === 'variable' ? [condition.value.name] : []
  return [condition.variable, ...right]
}

const all = `Known are ${knownVariables.join(', ')} and request.principal.NAME with the name of a token's claim.`

/** Contract §9.2: variables that OCI has and nothing here. */
const ofOci =
  /^(request\.(networksource\.name|ad|user\.mfatotpverified|kms-key\.id)|request\.principal\.(compartment|group)\.tag\..*|target\.(resource|resource\.compartment)\.tag\..*|target\.boot-volume\.kms-key\.id|target\.policy\.type)$/

function said(name: string): string {
  const folded = foldCase(name)
  if (/\.tag\./.test(folded) && ofOci.test(folded)) {
    return `${name}: conditions on tags are OCI's and not made here, so this one would never hold.`
  }
  if (ofOci.test(folded))
    return `${name} is a variable of OCI that no call has here, so the condition would never hold.`
  const near = knownVariables.find((each) => editDistance(folded, foldCase(each)) <= maxSlips)
  return `${name} is no variable${near === undefined ? '.' : `; did you mean ${near}?`}`
}

const maxSlips = 2

/** Where it stands behind `where`; what is quoted, and patterns, are no variables. */
export function variableOffset(name: string, text: string): number {
  const blank = text.replace(/'[^']*'|\/[^/]+\//g, (quoted) => ' '.repeat(quoted.length))
  const start = Math.max(0, blank.search(/\swhere\s/i))
  const escaped = name.replace(/[.]/g, String.raw`\.`)
  const at = blank.slice(start).search(new RegExp(String.raw`(?<![\w.-])${escaped}(?![\w.-])`, 'i'))
  return at < 0 ? 0 : start + at
}
