import { KmsError } from '../errors.ts'
import type { CompartmentTree } from './compartmentTree.ts'
import { foldCase } from './foldCase.ts'
import { parseStatement } from './parseStatement.ts'
import { resolvePath, type PolicySource } from './policy.ts'
import type { Location, Statement, Subject, SubjectItem } from './policyParser.js'

/** What the names in a policy's statements meant when it was written. Names in lower case. */
export interface BoundNames {
  readonly compartments: readonly { readonly path: readonly string[]; readonly id: string }[]
  readonly groups: readonly { readonly name: string; readonly id: string }[]
  /** Absent where none is named. */
  readonly dynamicGroups?: readonly { readonly name: string; readonly id: string }[]
}

/** What there is to name. */
export interface Directory {
  readonly tree: CompartmentTree
  readonly groups: readonly { readonly id: string; readonly name: string }[]
  readonly dynamicGroups: readonly { readonly id: string; readonly name: string }[]
}

/** Services of OCI that use keys; object storage has one for each region. */
const services = ['keymanagementservice', 'blockstorage', 'dbaas', 'FssOc1Prod', 'oke', 'streaming'] as const
const regionalService = /^objectstorage-[a-z0-9-]+$/i
const maxNamed = 20

/**
 * Resolves every name to an OCID, so that a later compartment or group of that name gets no right by it.
 * @throws KmsError invalidParameter for the first name or OCID that is not there, with those that are.
 */
export function bindNames(source: Omit<PolicySource, 'id' | 'bound'>, directory: Directory): BoundNames {
  return bind(source, directory, (number, what, known) => {
    const names = known.slice(0, maxNamed).join(', ')
    const rest = known.length > maxNamed ? ` and ${known.length - maxNamed} more` : ''
    const there = known.length === 0 ? 'There are none here' : `Known here: ${names}${rest}`
    throw new KmsError('invalidParameter', `Policy statement ${number}: ${what} is not known. ${there}.`)
  })
}

/** The same for what was stored before: a name that leads nowhere now leads nowhere for good. */
export function bindKnownNames(source: Omit<PolicySource, 'id' | 'bound'>, directory: Directory): BoundNames {
  return bind(source, directory, () => undefined)
}

type OnUnknown = (number: number, what: string, known: readonly string[]) => void

function bind(
  { compartmentId, statements }: Omit<PolicySource, 'id' | 'bound'>,
  { tree, groups, dynamicGroups }: Directory,
  onUnknown: OnUnknown,
): BoundNames {
  const compartments = new Map<string, BoundNames['compartments'][number]>()
  const known = { group: groups, 'dynamic-group': dynamicGroups }
  const named = { group: new Map<string, Named>(), 'dynamic-group': new Map<string, Named>() }
  statements.forEach((text, index) => {
    const number = index + 1
    const { subject, location } = namesIn(parseStatement(text, number))
    if (location?.kind === 'path') {
      const path = location.names.map(foldCase)
      const id = resolvePath(tree, compartmentId, path)
      if (id !== undefined) compartments.set(JSON.stringify(path), { path, id })
      else onUnknown(number, `the compartment ${location.names.join(':')}`, tree.childNames(compartmentId))
    }
    if (location?.kind === 'id' && !tree.ancestors(location.ocid).includes(compartmentId)) {
      onUnknown(number, `the compartment ${location.ocid} at or below the policy's`, tree.childNames(compartmentId))
    }
    if (subject?.kind === 'service') {
      const unknown = subject.names.find((name) => !isService(name))
      if (unknown !== undefined) onUnknown(number, `the service ${unknown}`, [...services, 'objectstorage-<region>'])
    }
    if (subject?.kind !== 'group' && subject?.kind !== 'dynamic-group') return
    for (const item of subject.items) {
      const there = known[subject.kind]
      if (item.kind === 'id') {
        const isKnown = there.some(({ id }) => foldCase(id) === foldCase(item.ocid))
        if (!isKnown) onUnknown(number, `the ${subject.kind} ${item.ocid}`, namesOf(there))
        continue
      }
      const group = isInDefaultDomain(item) ? there.find(isNamed(item.name)) : undefined
      if (group !== undefined) named[subject.kind].set(foldCase(item.name), { name: foldCase(item.name), id: group.id })
      else onUnknown(number, `the ${subject.kind} ${item.name}`, namesOf(there))
    }
  })
  const ofDynamic = [...named['dynamic-group'].values()]
  return {
    compartments: [...compartments.values()],
    groups: [...named.group.values()],
    ...(ofDynamic.length === 0 ? {} : { dynamicGroups: ofDynamic }),
  }
}

type Named = BoundNames['groups'][number]

/** Only grants take effect inside their own tenancy; the others name what is elsewhere. */
function namesIn(statement: Statement): { readonly subject?: Subject; readonly location?: Location } {
  return statement.kind === 'allow' || statement.kind === 'deny' ? statement : {}
}

function isService(name: string): boolean {
  return regionalService.test(name) || services.some((each) => foldCase(each) === foldCase(name))
}

function isInDefaultDomain({ domain }: Extract<SubjectItem, { kind: 'name' }>): boolean {
  return domain === undefined || foldCase(domain) === 'default'
}

function isNamed(name: string) {
  return (group: { readonly name: string }) => foldCase(group.name) === foldCase(name)
}

function namesOf(groups: Directory['groups']): readonly string[] {
  return groups.map(({ name }) => name).sort()
}
