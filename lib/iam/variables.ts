import { publicRegionKey } from '../regionKeys.ts'
import type { CompartmentTree } from './compartmentTree.ts'
import { foldCase } from './foldCase.ts'
import type { Permission } from './permissions.ts'
import type { Principal } from './principal.ts'

/** What is asked of the policies. */
export interface AccessRequest {
  /** All are needed. None at all is refused. */
  readonly permissions: readonly Permission[]
  /** The compartment of the resource. */
  readonly compartmentId: string
  /** In PascalCase, as in `GenerateDataEncryptionKey`. */
  readonly operation: string
  /** The region's full id. */
  readonly region: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** What only the caller knows (`target.key.id`, `request.principal.type`, …); a list is a set. It cannot replace a built-in. */
  readonly variables: Readonly<Record<string, string | readonly string[]>>
}

/** One permission of a request under judgement. */
export interface Evaluation {
  readonly principal: Principal
  readonly tree: CompartmentTree
  readonly request: AccessRequest
  readonly permission: Permission
}

/** What only the call says. INVARIANT: the only names that a call may say (lib/http/isAuthorized.ts), so that no other is known. */
const callVariables = [
  'request.includePlainTextKey',
  'target.vault.id',
  'target.key.id',
  'target.user.id',
  'target.user.name',
  'target.group.id',
  'target.group.name',
  'target.dynamicgroup.id',
  'target.dynamicgroup.name',
  'target.tag-namespace.id',
  'target.tag-namespace.name',
  'target.trustedIssuer.id',
  'target.trustedIssuer.name',
] as const

export type CallVariable = (typeof callVariables)[number]

/** Undefined where the variable does not exist for the request. */
export type Reader = (evaluation: Evaluation) => string | readonly string[] | undefined

export const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const

/** Contract §9.2, names in lower case. */
const builtIns: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['request.user.id', ({ principal }) => (principal.kind === 'user' ? principal.id : undefined)],
  ['request.user.name', ({ principal }) => (principal.kind === 'user' ? principal.name : undefined)],
  [
    'request.groups.id',
    ({ principal }) => (principal.kind === 'user' ? principal.groups.map(({ id }) => id) : undefined),
  ],
  ['request.principal.id', ({ principal }) => (principal.kind === 'user' ? undefined : principal.id)],
  ['request.permission', ({ permission }) => permission],
  ['request.operation', ({ request }) => request.operation],
  ['request.region', ({ request: { region } }) => [region, publicRegionKey(region)]],
  ['request.utc-timestamp', ({ request }) => isoSeconds(request.now)],
  ['request.utc-timestamp.month-of-year', ({ request }) => String(new Date(request.now).getUTCMonth() + 1)],
  ['request.utc-timestamp.day-of-month', ({ request }) => String(new Date(request.now).getUTCDate())],
  ['request.utc-timestamp.day-of-week', ({ request }) => weekdays[new Date(request.now).getUTCDay()]],
  ['request.utc-timestamp.time-of-day', ({ request }) => isoSeconds(request.now).slice(11)],
  ['target.compartment.id', ({ request }) => request.compartmentId],
  ['target.compartment.name', ({ request, tree }) => tree.nameOf(request.compartmentId)],
])

/** Every variable that a request can have, without what a token says of its holder. */
export const knownVariables: readonly string[] = [...builtIns.keys(), ...callVariables].toSorted()

const known: ReadonlySet<string> = new Set(knownVariables.map(foldCase))
export function isKnownVariable(name: string): boolean {
  return known.has(foldCase(name)) || isPrincipalVariable(name)
}

/** A claim's name has no dots (workload.ts). */
export function isPrincipalVariable(name: string): boolean {
  return /^request\.principal\.[a-z0-9_-]+$/.test(foldCase(name))
}

/** Variable names compare case-insensitively. */
export function variableReader(name: string): Reader {
  const folded = foldCase(name)
  return (
    builtIns.get(folded) ??
    (({ request, principal }) => ofPrincipal(principal, folded) ?? callersVariable(request.variables, name, folded))
  )
}

function ofPrincipal({ variables }: Principal, folded: string): ReturnType<Reader> {
  return variables !== undefined && Object.hasOwn(variables, folded) ? variables[folded] : undefined
}

/** For a dynamic group's rule, which asks of its holder alone: all else does not exist there. */
export function principalVariableReader(name: string): Reader {
  const folded = foldCase(name)
  if (folded === 'request.principal.id') return ({ principal }) => principal.id
  return ({ principal }) => ofPrincipal(principal, folded)
}

function callersVariable(variables: AccessRequest['variables'], name: string, folded: string): ReturnType<Reader> {
  if (Object.hasOwn(variables, name)) return variables[name]
  const spelling = Object.keys(variables).find((each) => foldCase(each) === folded)
  return spelling === undefined ? undefined : variables[spelling]
}

function isoSeconds(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`
}
