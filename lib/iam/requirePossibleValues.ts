import { publicRegionKey } from '../regionKeys.ts'
import { editDistance } from './editDistance.ts'
import { foldCase } from './foldCase.ts'
import { refusedStatement } from './parseStatement.ts'
import { isPermission, type Permission, permissionsOf } from './permissions.ts'
import type { Action, Condition, Test } from './policyParser.js'
import { permissionsOfAction } from './policy.ts'
import { variableOffset } from './requireKnownVariables.ts'
import { weekdays } from './variables.ts'
import { wildcard } from './wildcard.ts'

/** What only the cloud knows of the values that conditions compare with. */
export interface CloudValues {
  /** By their full ids. */
  readonly regions: readonly string[]
  /** Every operation, with what it asks for. */
  readonly operations: Readonly<Record<string, readonly Permission[]>>
}

/** What the statement with the condition grants. */
interface Granted {
  readonly permissions: ReadonlySet<Permission>
  /** Whether it also names what other services of OCI have, whose operations and permissions nobody here knows. */
  readonly isOpen: boolean
}

interface Possible {
  /** What one value is called. */
  readonly noun: string
  readonly values: readonly string[]
  /** What the refusal names of them; all of them where it is absent. */
  readonly shown?: readonly string[]
  /** Whether OCI has others: then only what is nearly one of these is taken for a slip. */
  readonly isOpen?: boolean
}

/**
 * A comparison with a value that the variable never has is false whatever the request, and `!=` keeps nobody out.
 * @throws KmsError invalidParameter with the place, and the values that there are.
 */
export function requirePossibleValues(
  condition: Condition,
  statement: { readonly text: string; readonly number: number; readonly action: Action },
  cloud: CloudValues,
): void {
  const { text, number, action } = statement
  const granted = { permissions: permissionsOfAction(action), isOpen: isOfOthersToo(action) }
  for (const { variable, value } of comparisonsOf(condition)) {
    const said = impossible(foldCase(variable), value, cloud, granted)
    if (said === undefined) continue
    const written = value.isPattern ? `/${value.text}/` : `'${value.text}'`
    const offset = Math.max(0, text.indexOf(written, variableOffset(variable, text)))
    throw refusedStatement(text, number, offset, `${variable} is never ${written}: ${said}`)
  }
}

interface Compared {
  readonly text: string
  readonly isPattern: boolean
}

/** In the order of the text; comparisons of two variables have no value. */
function comparisonsOf(condition: Condition): readonly { readonly variable: string; readonly value: Compared }[] {
  if ('conditions' in condition) return condition.conditions.flatMap(comparisonsOf)
  return valuesOf(condition).map((value) => ({ variable: condition.variable, value }))
}

function valuesOf(test: Test): readonly Compared[] {
  if (test.kind === 'in') return test.texts.map((text) => ({ text, isPattern: false }))
  if (test.kind !== '=' && test.kind !== '!=') return []
  if (test.value.kind === 'text') return [{ text: test.value.text, isPattern: false }]
  return test.value.kind === 'pattern' ? [{ text: test.value.pattern, isPattern: true }] : []
}

function impossible(variable: string, { text }: Compared, cloud: CloudValues, granted: Granted): string | undefined {
  const types = ocidTypes.get(variable)
  if (types !== undefined) return types.some((type) => mayBegin(text, `ocid1.${type}.`)) ? undefined : ocidOf(types)
  const form = timeForms.get(variable)
  if (form !== undefined) return text.includes('*') || form.is.test(text) ? undefined : form.said
  const possible = possibleOf(variable, cloud, isOurs(text) ? { ...granted, isOpen: false } : granted)
  if (possible === undefined || possible.values.some(wildcard(text))) return undefined
  const { noun, values, shown = values, isOpen = false } = possible
  const near = nearest(text, values, isOpen)
  if (near !== undefined) return `there is no such ${noun}; did you mean '${near}'?`
  return isOpen ? undefined : `there is no such ${noun}. Known are ${shown.map((each) => `'${each}'`).join(', ')}.`
}

/** By variable in lower case: whose OCIDs it has. */
const ocidTypes: ReadonlyMap<string, readonly string[]> = new Map([
  ['request.user.id', ['user']],
  ['request.groups.id', ['group']],
  ['target.compartment.id', ['compartment', 'tenancy']],
  ['target.vault.id', ['vault']],
  ['target.key.id', ['key']],
  ['target.user.id', ['user']],
  ['target.group.id', ['group']],
  ['target.dynamicgroup.id', ['dynamicgroup']],
  ['target.tag-namespace.id', ['tagnamespace']],
  ['target.trustedissuer.id', ['trustedissuer']],
])

/** Whether a text, which `*` may cut short, can be one that begins so. */
function mayBegin(text: string, prefix: string): boolean {
  const [fixed = '', ...others] = foldCase(text).split('*')
  return fixed.startsWith(prefix) || (others.length > 0 && prefix.startsWith(fixed))
}

function ocidOf(types: readonly string[]): string {
  return `its values are OCIDs like ${types.map((type) => `'ocid1.${type}.…'`).join(' or ')}.`
}

const timeForms: ReadonlyMap<string, { readonly is: RegExp; readonly said: string }> = new Map([
  [
    'request.utc-timestamp',
    {
      is: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/i,
      said: "its values are like '2026-12-01T06:00:00Z'; compare with before, after or between.",
    },
  ],
  [
    'request.utc-timestamp.time-of-day',
    { is: /^\d\d:\d\d:\d\dZ$/i, said: "its values are like '06:00:00Z'; compare with before, after or between." },
  ],
])

function possibleOf(variable: string, cloud: CloudValues, granted: Granted): Possible | undefined {
  switch (variable) {
    case 'request.region': {
      const shown = cloud.regions.flatMap((region) => [...new Set([publicRegionKey(region).toLowerCase(), region])])
      return { noun: 'region in this cloud', values: shown }
    }
    case 'request.operation': {
      const values = Object.keys(cloud.operations)
      const ofGranted = values.filter((name) => cloud.operations[name]?.some((each) => granted.permissions.has(each)))
      return { noun: 'operation', values, shown: ofGranted, isOpen: granted.isOpen }
    }
    case 'request.permission':
      return {
        noun: 'permission',
        values: permissionsOf('manage', 'all-resources'),
        shown: [...granted.permissions],
        isOpen: granted.isOpen,
      }
    default:
      return fixedValues.get(variable)
  }
}

const fixedValues: ReadonlyMap<string, Possible> = new Map<string, Possible>([
  ['request.principal.type', { noun: 'type of principal here', values: ['workload'] }],
  ['request.includeplaintextkey', { noun: 'value', values: ['true', 'false'] }],
  ['request.utc-timestamp.month-of-year', { noun: 'month', values: upTo(12) }],
  ['request.utc-timestamp.day-of-month', { noun: 'day', values: upTo(31) }],
  ['request.utc-timestamp.day-of-week', { noun: 'day', values: weekdays }],
])

/** Two letters are a slip, but where a short word may as well be another's; numbers and keys of regions are no slips. */
function nearest(text: string, values: readonly string[], isOpen: boolean): string | undefined {
  const folded = foldCase(text)
  if (text.length < shortWord) return undefined
  const slips = isOpen && text.length < longWord ? 1 : 2
  return values.find((value) => editDistance(folded, foldCase(value)) <= slips)
}
const shortWord = 4
const longWord = 10

function upTo(last: number): readonly string[] {
  return Array.from({ length: last }, (_, index) => String(index + 1))
}

/** Of keys and vaults everything is known here; of users, say, OCI has more operations and permissions. */
function isOfOthersToo(action: Action): boolean {
  if (action.kind === 'permissions') return !action.permissions.every((each) => isOurs(each) && isPermission(each))
  return !['keys', 'vaults', 'key-family'].includes(action.resource)
}

function isOurs(permission: string): boolean {
  return /^(KEY|VAULT)_/i.test(permission)
}
