import { isKmsError, KmsError } from '../errors.ts'
import { compartmentTree, type CompartmentRow, type CompartmentTree } from './compartmentTree.ts'
import { foldCase } from './foldCase.ts'
import { namedIn, type NamedKind } from './namedThings.ts'
import { parseStatement } from './parseStatement.ts'
import { resolvePath, type PolicySource } from './policy.ts'
import type { GrantStatement, Statement, SubjectItem } from './policyParser.js'

/** What the names in a policy's statements meant when it was written. Names in lower case. */
export interface BoundNames {
  readonly compartments: readonly { readonly path: readonly string[]; readonly id: string }[]
  readonly groups: readonly { readonly name: string; readonly id: string }[]
  /** Absent where none is named. */
  readonly dynamicGroups?: readonly { readonly name: string; readonly id: string }[]
  /** What conditions name; several compartments may share a name. Absent where they name nothing. */
  readonly conditions?: readonly { readonly kind: string; readonly name: string; readonly ids: readonly string[] }[]
}

export interface Named {
  readonly id: string
  readonly name: string
  /** Of what has a compartment of its own. */
  readonly compartmentId?: string
}

/** What there is to name. */
export type Directory = { readonly compartments: readonly CompartmentRow[] } & Readonly<
  Record<Exclude<NamedKind, 'compartment'>, readonly Named[]>
>

/** Whether whoever writes a policy may be told that a thing is there. */
export type IsShown = (kind: NamedKind, thing: Named) => boolean

/** Services of OCI that use keys; object storage has one for each region. */
const services = ['keymanagementservice', 'blockstorage', 'dbaas', 'FssOc1Prod', 'oke', 'streaming'] as const
const regionalService = /^objectstorage-[a-z0-9-]+$/i
const maxNamed = 20

type Unbound = Omit<PolicySource, 'id' | 'bound'>

/**
 * Resolves every name to an OCID, so that a later compartment or group of that name gets no right by it.
 * @throws KmsError invalidParameter for the first name or OCID that is not there, with those that are and may be shown.
 */
export function bindNames(source: Unbound, directory: Directory, isShown: IsShown): BoundNames {
  const tree = compartmentTree(directory.compartments)
  source.statements.forEach((text, index) => {
    requireReach(source.compartmentId, tree, text, index + 1)
  })
  return bind(source, tree, directory, (number, what, there) => {
    const known =
      there.kind === 'service' ? there.names : namesOf(there.things.filter((each) => isShown(there.kind, each)))
    throw new KmsError('invalidParameter', `Policy statement ${number}: ${what} is not known. ${listed(known)}`)
  })
}

/** The same for what was stored before: a name that leads nowhere now leads nowhere for good. */
export function bindKnownNames(source: Unbound, directory: Directory): BoundNames {
  return bind(source, compartmentTree(directory.compartments), directory, () => undefined)
}

/** Whether a statement's condition names something by itself; one that does not parse names nothing. */
export function namesInCondition(statement: string): boolean {
  try {
    const { where } = grantIn(parseStatement(statement))
    return where !== undefined && namedIn(where).length > 0
  } catch (cause) {
    if (isKmsError(cause, 'invalidParameter')) return false
    throw cause
  }
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'There are none here that you may list.'
  const rest = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : ''
  return `Known here: ${names.slice(0, maxNamed).join(', ')}${rest}.`
}

/** @throws KmsError invalidParameter for the whole tenancy in a policy of a compartment, which would grant nothing. */
function requireReach(compartmentId: string, tree: CompartmentTree, text: string, number: number): void {
  if (compartmentId === tree.rootId || grantIn(parseStatement(text, number)).location?.kind !== 'tenancy') return
  throw new KmsError(
    'invalidParameter',
    `Policy statement ${number}: a policy in a compartment reaches that compartment and those below it, not the tenancy. Write in compartment id ${compartmentId}, or make the policy in the tenancy.`,
  )
}

type There =
  | { readonly kind: NamedKind; readonly things: readonly Named[] }
  | { readonly kind: 'service'; readonly names: readonly string[] }
type OnUnknown = (number: number, what: string, there: There) => void

function bind(
  { compartmentId, statements }: Unbound,
  tree: CompartmentTree,
  directory: Directory,
  onUnknown: OnUnknown,
): BoundNames {
  const compartments = new Map<string, BoundNames['compartments'][number]>()
  const named = { group: new Map<string, Named>(), 'dynamic-group': new Map<string, Named>() }
  const inConditions = new Map<string, NonNullable<BoundNames['conditions']>[number]>()
  statements.forEach((text, index) => {
    const number = index + 1
    const { subject, location, where } = grantIn(parseStatement(text, number))
    const below = (): There => ({ kind: 'compartment', things: tree.childrenOf(compartmentId) })
    if (location?.kind === 'path') {
      const path = location.names.map(foldCase)
      const id = resolvePath(tree, compartmentId, path)
      if (id !== undefined) compartments.set(JSON.stringify(path), { path, id })
      else onUnknown(number, `the compartment ${location.names.join(':')}`, below())
    }
    if (location?.kind === 'id' && !tree.ancestors(location.ocid).includes(compartmentId)) {
      onUnknown(number, `the compartment ${location.ocid} at or below the policy's`, below())
    }
    if (subject?.kind === 'service') {
      const unknown = subject.names.find((name) => !isService(name))
      const names = [...services, 'objectstorage-<region>']
      if (unknown !== undefined) onUnknown(number, `the service ${unknown}`, { kind: 'service', names })
    }
    for (const item of subject?.kind === 'group' || subject?.kind === 'dynamic-group' ? subject.items : []) {
      const kind = subject?.kind === 'group' ? 'group' : 'dynamic-group'
      const there = { kind, things: directory[kind] } as const
      if (item.kind === 'id') {
        const isKnown = there.things.some(({ id }) => foldCase(id) === foldCase(item.ocid))
        if (!isKnown) onUnknown(number, `the ${kind} ${item.ocid}`, there)
        continue
      }
      const group = isInDefaultDomain(item) ? there.things.find(isNamed(item.name)) : undefined
      if (group !== undefined) named[kind].set(foldCase(item.name), { name: foldCase(item.name), id: group.id })
      else onUnknown(number, `the ${kind} ${item.name}`, there)
    }
    for (const { kind, name } of where === undefined ? [] : namedIn(where)) {
      const things = kind === 'compartment' ? tree.within(compartmentId) : directory[kind]
      const ids = things.filter(isNamed(name)).map(({ id }) => id)
      inConditions.set(`${kind}\0${foldCase(name)}`, { kind, name: foldCase(name), ids })
      if (ids.length === 0) onUnknown(number, `the ${kind} ${name} of the condition`, { kind, things })
    }
  })
  const ofDynamic = [...named['dynamic-group'].values()]
  return {
    compartments: [...compartments.values()],
    groups: [...named.group.values()],
    ...(ofDynamic.length === 0 ? {} : { dynamicGroups: ofDynamic }),
    ...(inConditions.size === 0 ? {} : { conditions: [...inConditions.values()] }),
  }
}

/** Only grants take effect inside their own tenancy; the others name what is elsewhere. */
function grantIn(statement: Statement): Partial<Pick<GrantStatement, 'subject' | 'location' | 'where'>> {
  return statement.kind === 'allow' || statement.kind === 'deny' ? statement : {}
}

function isService(name: string): boolean {
  return regionalService.test(name) || services.some((each) => foldCase(each) === foldCase(name))
}

function isInDefaultDomain({ domain }: Extract<SubjectItem, { kind: 'name' }>): boolean {
  return domain === undefined || foldCase(domain) === 'default'
}

function isNamed(name: string) {
  const folded = foldCase(name)
  return (thing: Named) => foldCase(thing.name) === folded
}

/** Each once, in order. */
function namesOf(things: readonly Named[]): readonly string[] {
  return [...new Set(things.map(({ name }) => name))].sort()
}
