import { isKmsError } from '../errors.ts'
import { madeOnce } from '../madeOnce.ts'
import { compartmentTree, type CompartmentRow, type CompartmentTree } from './compartmentTree.ts'
import { compilePolicy, indexAs, type CompiledPolicy, type PolicySource } from './policy.ts'

/** What requests of a tenancy are judged by. */
export interface Rules {
  readonly tree: CompartmentTree
  readonly policies: readonly CompiledPolicy[]
}

/** A tenancy's compartments and policies at one point of its history; another point is another object. */
export interface RulesSource {
  readonly compartments: readonly CompartmentRow[]
  readonly policies: readonly PolicySource[]
}

const rules = new WeakMap<RulesSource, Rules>()
/** A change of identity leaves all rows but its own as they are, the same objects: only what changed is compiled. */
const compiled = new WeakMap<PolicySource, CompiledPolicy>()

export function rulesOf(source: RulesSource, tenancyId: string): Rules {
  return madeOnce(rules, source, () => ({
    tree: compartmentTree(
      source.compartments.length > 0 ? source.compartments : [{ id: tenancyId, parentId: null, name: '' }],
    ),
    policies: source.policies.map((policy) => madeOnce(compiled, policy, () => compileStored(policy))),
  }))
}

/** Makes the rules of a state before a request needs them, as ready as those of the state `before` it were. */
export function prepareRules(source: RulesSource, tenancyId: string, before: RulesSource): void {
  const { policies } = rulesOf(source, tenancyId)
  const earlier = rules.get(before)
  if (earlier !== undefined) indexAs(policies, earlier.policies)
}

/** Whether a request by this state has no rules to make. */
export function hasRules(source: RulesSource): boolean {
  return rules.has(source)
}

/** A statement that an older version took and this one does not (a date that does not exist) grants nothing; the others serve. */
function compileStored(policy: PolicySource): CompiledPolicy {
  try {
    return compilePolicy(policy)
  } catch (cause) {
    if (!isKmsError(cause, 'invalidParameter')) throw cause
    return compilePolicy({ ...policy, statements: policy.statements.filter((each) => compiles(policy, each)) })
  }
}

function compiles(policy: PolicySource, statement: string): boolean {
  try {
    compilePolicy({ ...policy, statements: [statement] })
    return true
  } catch {
    return false
  }
}
