import { KmsError } from '../errors.ts'
import { madeOnce } from '../madeOnce.ts'
import type { BoundNames } from './bindNames.ts'
import type { CompartmentTree } from './compartmentTree.ts'
import { compileCondition, type IdsOf, type Predicate } from './condition.ts'
import { foldCase } from './foldCase.ts'
import { parseStatement } from './parseStatement.ts'
import { isPermission, type Permission, permissionsOf } from './permissions.ts'
import type { Action, GrantStatement, Location, Statement } from './policyParser.js'
import { administratorsKey, type Principal, principalKeys, subjectKeys } from './principal.ts'
import type { AccessRequest, Evaluation } from './variables.ts'

export interface PolicySource {
  readonly id: string
  /** Where the policy is attached: it reaches this compartment and those below it. */
  readonly compartmentId: string
  readonly statements: readonly string[]
  /** What the names in them meant when they were written; undefined: they mean what they mean now. */
  readonly bound?: BoundNames
}

/** What one statement says of a permission. */
interface Rule {
  /** Its place among the policy's statements. */
  readonly statement: number
  readonly subjects: readonly string[]
  /** The compartment the statement names; undefined where the policy's place in this tree gives it none. */
  readonly scope: (tree: CompartmentTree) => string | undefined
  readonly where: Predicate | undefined
}

type Rules = ReadonlyMap<Permission, readonly Rule[]>

/** A policy made ready for evaluation. */
export interface CompiledPolicy {
  readonly id: string
  readonly compartmentId: string
  /** All of them, also those that grant nothing inside their own tenancy (endorse, admit, define). */
  readonly statements: readonly Statement[]
  readonly allows: Rules
  readonly denials: Rules
}

/**
 * `allowDeny`: whether the tenancy switched deny statements on.
 * @throws KmsError invalidParameter for the first statement that does not parse or cannot mean anything.
 */
export function compilePolicy(source: PolicySource, options: { readonly allowDeny?: boolean } = {}): CompiledPolicy {
  const { id, compartmentId, bound } = source
  const statements = source.statements.map((text, index) => parseStatement(text, index + 1))
  const denial = statements.findIndex((each) => each.kind === 'deny' || ('isDenial' in each && each.isDenial))
  if (denial >= 0 && options.allowDeny !== true) {
    throw new KmsError('invalidParameter', `Policy statement ${denial + 1}: deny statements are not enabled here.`)
  }
  const rulesOf = (kind: GrantStatement['kind']): Rules => compileRules({ compartmentId, bound }, statements, kind)
  return { id, compartmentId, statements, allows: rulesOf('allow'), denials: rulesOf('deny') }
}

/** True where every permission is granted by some statement and denied by none (contract §9.3). Pure. */
export function isAllowed(
  policies: readonly CompiledPolicy[],
  tree: CompartmentTree,
  principal: Principal,
  request: AccessRequest,
): boolean {
  if (principal.kind !== 'service' && principal.tenancyId !== tree.rootId) return false
  const ancestors = tree.ancestors(request.compartmentId)
  const keys = principalKeys(principal)
  // INVARIANT: an unknown compartment has no ancestors, so nothing reaches it; no permissions at all are no grant.
  return (
    request.permissions.length > 0 &&
    request.permissions.every((permission) => {
      const evaluation = { principal, tree, request, permission }
      const { allows, denials } = indexOf(policies, permission)
      if (!anyApplies(allows, evaluation, keys, ancestors)) return false
      return keys.has(administratorsKey) || !anyApplies(denials, evaluation, keys, ancestors)
    })
  )
}

/** Whether a service itself may act, as `keymanagementservice` must for replicas (contract §5.4). */
export function isServiceAllowed(
  policies: readonly CompiledPolicy[],
  tree: CompartmentTree,
  service: string,
  request: AccessRequest,
): boolean {
  return isAllowed(policies, tree, servicePrincipal(service, tree), request)
}

export function servicePrincipal(service: string, { rootId }: CompartmentTree): Principal {
  return { kind: 'service', id: service, name: service, tenancyId: rootId, groups: [], dynamicGroups: [] }
}

/** A statement by whom it names: what it costs to judge a request does not depend on statements about others. */
interface Candidate {
  readonly policy: CompiledPolicy
  readonly rule: Rule
}
type Index = ReadonlyMap<string, readonly Candidate[]>

interface Indexes {
  readonly allows: Index
  readonly denials: Index
}

/** Per set of policies and permission, made when first asked: whoever changes a policy has another set. */
const indexes = new WeakMap<readonly CompiledPolicy[], Map<Permission, Indexes>>()

function indexOf(policies: readonly CompiledPolicy[], permission: Permission): Indexes {
  const ofPolicies = madeOnce(indexes, policies, () => new Map<Permission, Indexes>())
  const known = ofPolicies.get(permission)
  if (known !== undefined) return known
  const made = {
    allows: indexBySubject(policies, permission, 'allows'),
    denials: indexBySubject(policies, permission, 'denials'),
  }
  ofPolicies.set(permission, made)
  return made
}

/** Makes ready what `before` was asked by, so that the first request by the policies that follow it finds it. */
export function indexAs(policies: readonly CompiledPolicy[], before: readonly CompiledPolicy[]): void {
  for (const permission of indexes.get(before)?.keys() ?? []) indexOf(policies, permission)
}

function indexBySubject(
  policies: readonly CompiledPolicy[],
  permission: Permission,
  kind: 'allows' | 'denials',
): Index {
  const index = new Map<string, Candidate[]>()
  for (const policy of policies) {
    for (const rule of policy[kind].get(permission) ?? []) {
      for (const subject of rule.subjects) {
        const known = index.get(subject)
        if (known === undefined) index.set(subject, [{ policy, rule }])
        else known.push({ policy, rule })
      }
    }
  }
  return index
}

function anyApplies(
  index: Index,
  evaluation: Evaluation,
  keys: ReadonlySet<string>,
  ancestors: readonly string[],
): boolean {
  for (const key of keys) {
    const candidates = index.get(key)
    if (candidates?.some(({ policy, rule }) => unfitFor(policy, rule, evaluation, ancestors) === undefined)) return true
  }
  return false
}

/** Why a statement with this permission does not apply to a request. */
export type Failing = 'subject' | 'place' | 'condition'

function failing(
  policy: CompiledPolicy,
  rule: Rule,
  evaluation: Evaluation,
  keys: ReadonlySet<string>,
  ancestors: readonly string[],
): Failing | undefined {
  if (!rule.subjects.some((subject) => keys.has(subject))) return 'subject'
  return unfitFor(policy, rule, evaluation, ancestors)
}

/** As failing, of whom the statement names. */
function unfitFor(
  { compartmentId }: CompiledPolicy,
  rule: Rule,
  evaluation: Evaluation,
  ancestors: readonly string[],
): Failing | undefined {
  const attachedAt = ancestors.indexOf(compartmentId)
  const scope = attachedAt < 0 ? undefined : rule.scope(evaluation.tree)
  const scopeAt = scope === undefined ? -1 : ancestors.indexOf(scope)
  // Nearest first: a scope above the policy's own compartment is beyond its reach.
  if (scopeAt < 0 || scopeAt > attachedAt) return 'place'
  return rule.where === undefined || rule.where(evaluation) ? undefined : 'condition'
}

/** A statement that has to do with a permission, and what is wrong with it for the request; undefined: it applies. */
export interface Judgement {
  readonly policy: CompiledPolicy
  /** Its place among the policy's statements, from 0. */
  readonly statement: number
  readonly isDenial: boolean
  readonly failing: Failing | undefined
}

/** What isAllowed looks at for one permission, all of it. Pure. */
export function judgementsOf(policies: readonly CompiledPolicy[], evaluation: Evaluation): readonly Judgement[] {
  const { principal, tree, request, permission } = evaluation
  const keys = principalKeys(principal)
  const ancestors = tree.ancestors(request.compartmentId)
  return policies.flatMap((policy) => {
    return [policy.allows, policy.denials].flatMap((rules, index) =>
      (rules.get(permission) ?? []).map((rule) => ({
        policy,
        statement: rule.statement,
        isDenial: index === 1,
        failing: failing(policy, rule, evaluation, keys, ancestors),
      })),
    )
  })
}

type Attached = Pick<PolicySource, 'compartmentId'> & { readonly bound: BoundNames | undefined }

function compileRules(attached: Attached, statements: readonly Statement[], kind: GrantStatement['kind']): Rules {
  const rules = new Map<Permission, Rule[]>()
  const idsOf = boundIds(attached.bound)
  for (const [index, statement] of statements.entries()) {
    if (statement.kind !== kind) continue
    const { subject, action, location, where } = statement
    const rule: Rule = {
      statement: index,
      subjects: subjectKeys(subject, attached.bound),
      scope: compileLocation(attached, location),
      where: where && compileCondition(where, { idsOf }),
    }
    for (const permission of permissionsOfAction(action)) {
      const known = rules.get(permission)
      if (known === undefined) rules.set(permission, [rule])
      else known.push(rule)
    }
  }
  return rules
}

/** Undefined where the names in conditions were never bound. */
function boundIds(bound: BoundNames | undefined): IdsOf | undefined {
  const named = bound?.conditions
  if (named === undefined) return undefined
  const ids = new Map(named.map((each) => [`${each.kind}\0${each.name}`, each.ids]))
  return (kind, name) => ids.get(`${kind}\0${foldCase(name)}`) ?? []
}

/** A permission set with a resource type grants what both name; permissions of other services grant nothing here. */
export function permissionsOfAction(action: Action): ReadonlySet<Permission> {
  if (action.kind === 'verb') return new Set(permissionsOf(action.verb, action.resource))
  const named = new Set(action.permissions.filter(isPermission))
  if (action.resource === undefined) return named
  return named.intersection(new Set(permissionsOf('manage', action.resource)))
}

function compileLocation({ compartmentId, bound }: Attached, location: Location): Rule['scope'] {
  switch (location.kind) {
    case 'tenancy':
      return (tree) => (tree.rootId === compartmentId ? compartmentId : undefined)
    case 'id':
      return () => location.ocid
    case 'path': {
      const path = location.names.map(foldCase)
      if (bound === undefined) return (tree) => resolvePath(tree, compartmentId, path)
      const found = bound.compartments.find((each) => each.path.join('\0') === path.join('\0'))
      return () => found?.id
    }
  }
}

/** Names lead down from the policy's compartment; a single name may also be that compartment itself. */
export function resolvePath(
  tree: CompartmentTree,
  compartmentId: string,
  [first, ...others]: readonly string[],
): string | undefined {
  if (first === undefined) return undefined
  let found = tree.childOf(compartmentId, first)
  if (found === undefined && others.length === 0) {
    return foldCase(tree.nameOf(compartmentId) ?? '') === first ? compartmentId : undefined
  }
  for (const name of others) found = found === undefined ? undefined : tree.childOf(found, name)
  return found
}
