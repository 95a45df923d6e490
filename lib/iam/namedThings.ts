import { foldCase } from './foldCase.ts'
import type { Condition, Test } from './policyParser.js'

/** What conditions may name whose name can come to mean another: it is renamed, or deleted and made anew. */
export type NamedKind = 'compartment' | 'group' | 'dynamic-group' | 'user' | 'tag-namespace' | 'trusted-issuer'

interface NameVariable {
  readonly kind: NamedKind
  /** The variable that has the OCID of what this one names. */
  readonly id: string
}

/** In lower case. */
const nameVariables: ReadonlyMap<string, NameVariable> = new Map<string, NameVariable>([
  ['request.user.name', { kind: 'user', id: 'request.user.id' }],
  ['target.compartment.name', { kind: 'compartment', id: 'target.compartment.id' }],
  ['target.user.name', { kind: 'user', id: 'target.user.id' }],
  ['target.group.name', { kind: 'group', id: 'target.group.id' }],
  ['target.dynamicgroup.name', { kind: 'dynamic-group', id: 'target.dynamicgroup.id' }],
  ['target.tag-namespace.name', { kind: 'tag-namespace', id: 'target.tag-namespace.id' }],
  ['target.trustedissuer.name', { kind: 'trusted-issuer', id: 'target.trustedIssuer.id' }],
])

export function nameVariable(name: string): NameVariable | undefined {
  return nameVariables.get(foldCase(name))
}

/** A name that stands in a condition by itself; patterns and other variables are compared by name at use. */
export interface NamedInCondition {
  readonly kind: NamedKind
  /** As it was written. */
  readonly name: string
}

/** In the order of the text. */
export function namedIn(condition: Condition): readonly NamedInCondition[] {
  if ('conditions' in condition) return condition.conditions.flatMap(namedIn)
  const variable = nameVariable(condition.variable)
  return variable === undefined ? [] : literalsOf(condition).map((name) => ({ kind: variable.kind, name }))
}

/** Whether a text stands for itself: `*` is a wildcard inside quotes too. */
export function isLiteral(text: string): boolean {
  return !text.includes('*')
}

function literalsOf(test: Test): readonly string[] {
  if (test.kind === 'in') return test.texts.filter(isLiteral)
  if ((test.kind === '=' || test.kind === '!=') && test.value.kind === 'text')
    return [test.value.text].filter(isLiteral)
  return []
}
