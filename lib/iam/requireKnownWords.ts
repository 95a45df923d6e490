import { editDistance } from './editDistance.ts'
import { isPermission, permissionsOf, resourceNames } from './permissions.ts'
import { parseStatement, refusedStatement } from './parseStatement.ts'
import { permissionsOfAction } from './policy.ts'
import { requireKnownVariables } from './requireKnownVariables.ts'
import { type CloudValues, requirePossibleValues } from './requirePossibleValues.ts'
import { punctuationTip } from './statementTips.ts'

/**
 * For statements that are written now: a resource type or a permission that is nearly one of ours would parse and grant
 * nothing, as a condition on a variable or a value that does not exist would, and nobody would notice. Those of OCI's other services pass.
 * @throws KmsError invalidParameter with the place, and the word that was probably meant.
 */
export function requireKnownWords(text: string, number: number, cloud: CloudValues): void {
  const statement = parseStatement(text, number)
  // It would be part of the last name, which no compartment has in its own.
  const end = text.trimEnd().length - 1
  if (text[end] === ';') throw refusedStatement(text, number, end, punctuationTip)
  if (statement.kind === 'define') return
  const { action } = statement
  const refuse = (word: string, said: string) => {
    const offset = Math.max(0, text.search(new RegExp(String.raw`(?<![\w-])${word}(?![\w-])`, 'i')))
    throw refusedStatement(text, number, offset, said)
  }
  if (action.resource !== undefined) {
    const meant = resourceMeant(action.resource)
    if (meant !== undefined) refuse(action.resource, `${action.resource} is no resource type; did you mean ${meant}?`)
  }
  const unknown = action.kind === 'permissions' ? action.permissions.find(isNoneOfOurs) : undefined
  if (unknown !== undefined) {
    const known = ours(unknown).toSorted((a, b) => editDistance(unknown, a) - editDistance(unknown, b))
    refuse(unknown, `${unknown} is no permission; did you mean ${known[0] ?? ''}?`)
  }
  if (statement.where === undefined || permissionsOfAction(action).size === 0) return
  requireKnownVariables(statement.where, text, number)
  requirePossibleValues(statement.where, { text, number, action }, cloud)
}

const singular: Readonly<Record<string, string>> = {
  policy: 'policies',
  tenancy: 'tenancies',
  everything: 'all-resources',
}

function resourceMeant(word: string): string | undefined {
  if (resourceNames.includes(word)) return undefined
  const isNear = (name: string) => editDistance(word, name) <= (name.length < 6 ? 1 : 2)
  return singular[word] ?? resourceNames.find(isNear)
}

/** Only of keys and vaults are all permissions here: of users, say, OCI has more. */
function isNoneOfOurs(permission: string): boolean {
  return /^(KEY|VAULT)_/.test(permission) && !isPermission(permission)
}

function ours(permission: string): readonly string[] {
  const types = permission.startsWith('KEY_') ? (['keys', 'key-delegate'] as const) : (['vaults'] as const)
  return types.flatMap((type) => permissionsOf('manage', type))
}
