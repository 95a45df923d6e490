import { permissionsByVerb, type Permission, type ResourceType, type Verb } from '../../lib/iam/permissions.ts'
import type { Principal } from '../../lib/iam/principal.ts'
import type { AccessRequest } from '../../lib/iam/variables.ts'

/**
 * The policy language once more, by its definitions (contract §9.2 and §9.3) and without any haste: no parser, no index, no
 * cache, nothing shared with lib/iam but the table of permissions. It judges what the other one judges, and must agree.
 */
export interface PlainStatement {
  readonly isDenial: boolean
  readonly subject:
    | { readonly kind: 'any-user' | 'any-group' }
    | { readonly kind: 'group' | 'dynamic-group' | 'service'; readonly names: readonly string[] }
    | { readonly kind: 'group id'; readonly id: string }
  readonly verb?: Verb
  readonly resource?: string
  readonly permissions?: readonly string[]
  readonly place:
    | { readonly kind: 'tenancy' }
    | { readonly kind: 'id'; readonly id: string }
    | { readonly kind: 'path'; readonly names: readonly string[] }
  readonly where?: PlainCondition
}

export type PlainCondition =
  | { readonly kind: 'any' | 'all'; readonly of: readonly PlainCondition[] }
  | { readonly kind: '=' | '!='; readonly variable: string; readonly text: string; readonly form: 'text' | 'pattern' }
  | { readonly kind: '=' | '!='; readonly variable: string; readonly other: string; readonly form: 'variable' }
  | { readonly kind: 'in'; readonly variable: string; readonly texts: readonly string[] }
  | { readonly kind: 'before' | 'after'; readonly at: string }
  | { readonly kind: 'between'; readonly from: string; readonly to: string }
  | { readonly kind: 'hours'; readonly from: string; readonly to: string }

export interface PlainPolicy {
  readonly compartmentId: string
  readonly statements: readonly PlainStatement[]
  /** What there was to name when it was written; absent where names mean what they mean now. */
  readonly writtenIn?: Written
}

export interface Written {
  readonly compartments: readonly PlainCompartment[]
  readonly users: readonly { readonly id: string; readonly name: string }[]
}

export interface PlainCompartment {
  readonly id: string
  readonly parentId: string | null
  readonly name: string
}

interface Case {
  readonly policy?: PlainPolicy
  readonly compartments: readonly PlainCompartment[]
  readonly principal: Principal
  readonly request: AccessRequest
  readonly permission: Permission
}

export function naivelyAllowed(
  policies: readonly PlainPolicy[],
  compartments: readonly PlainCompartment[],
  principal: Principal,
  request: AccessRequest,
): boolean {
  const root = compartments.find(({ parentId }) => parentId === null)
  if (principal.kind !== 'service' && principal.tenancyId !== root?.id) return false
  if (request.permissions.length === 0) return false
  for (const permission of request.permissions) {
    const one: Case = { compartments, principal, request, permission }
    let isGranted = false
    let isDenied = false
    for (const policy of policies) {
      for (const statement of policy.statements) {
        if (!applies(policy, statement, one)) continue
        if (statement.isDenial) isDenied = true
        else isGranted = true
      }
    }
    const isExempt = principal.groups.some(({ name }) => same(name, 'Administrators'))
    if (!isGranted || (isDenied && !isExempt)) return false
  }
  return true
}

function applies(policy: PlainPolicy, statement: PlainStatement, one: Case): boolean {
  const { compartmentId, writtenIn } = policy
  const above = upwards(one.compartments, one.request.compartmentId)
  const scope = placeOf(compartmentId, statement.place, writtenIn?.compartments ?? one.compartments)
  if (scope === undefined || !above.includes(compartmentId) || !above.includes(scope)) return false
  // Not above the compartment that the policy is attached to.
  if (!upwards(one.compartments, scope).includes(compartmentId)) return false
  if (!names(statement.subject, one.principal) || !covers(statement, one.permission)) return false
  return statement.where === undefined || holds(statement.where, { ...one, policy })
}

function upwards(compartments: readonly PlainCompartment[], id: string): readonly string[] {
  const own = compartments.find((each) => each.id === id)
  if (own === undefined) return []
  return own.parentId === null ? [id] : [id, ...upwards(compartments, own.parentId)]
}

function placeOf(
  attachedTo: string,
  place: PlainStatement['place'],
  compartments: readonly PlainCompartment[],
): string | undefined {
  if (place.kind === 'id') return place.id
  const own = compartments.find(({ id }) => id === attachedTo)
  if (place.kind === 'tenancy') return own?.parentId === null ? own.id : undefined
  let here: string | undefined = attachedTo
  for (const name of place.names)
    here = compartments.find((each) => each.parentId === here && same(each.name, name))?.id ?? 'nowhere'
  if (here !== 'nowhere') return here
  return place.names.length === 1 && same(own?.name ?? '', place.names[0] ?? '') ? attachedTo : undefined
}

function names(subject: PlainStatement['subject'], { kind, name, groups, dynamicGroups }: Principal): boolean {
  switch (subject.kind) {
    case 'any-user':
      return true
    case 'any-group':
      return kind === 'user' || groups.length + dynamicGroups.length > 0
    case 'group id':
      return groups.some(({ id }) => same(id, subject.id))
    case 'group':
      return groups.some((group) => subject.names.some((each) => same(each, group.name)))
    case 'dynamic-group':
      return dynamicGroups.some((group) => subject.names.some((each) => same(each, group.name)))
    case 'service':
      return kind === 'service' && subject.names.some((each) => same(each, name))
  }
}

const weakestFirst: readonly Verb[] = ['inspect', 'read', 'use', 'manage']

function covers({ verb, resource, permissions }: PlainStatement, permission: Permission): boolean {
  if (permissions !== undefined && !permissions.includes(permission)) return false
  if (resource === undefined) return true
  const strongest = weakestFirst.indexOf(verb ?? 'manage')
  return (Object.keys(permissionsByVerb) as ResourceType[]).some((type) => {
    const isNamed =
      resource === 'all-resources' ||
      resource === type ||
      (resource === 'key-family' && ['vaults', 'keys', 'key-delegate'].includes(type))
    const granted = weakestFirst.filter((_, index) => index <= strongest)
    return isNamed && granted.some((each) => (permissionsByVerb[type][each] as readonly string[]).includes(permission))
  })
}

function holds(condition: PlainCondition, one: Case): boolean {
  const { now } = one.request
  switch (condition.kind) {
    case 'all':
      return condition.of.every((each) => holds(each, one))
    case 'any':
      return condition.of.some((each) => holds(each, one))
    case 'before':
      return now < Date.parse(condition.at)
    case 'after':
      return now > Date.parse(condition.at)
    case 'between':
      return now >= Date.parse(condition.from) && now <= Date.parse(condition.to)
    case 'hours': {
      const time = new Date(now).toISOString().slice(11, 19)
      const [from, to] = [condition.from.slice(0, 8), condition.to.slice(0, 8)]
      return from <= to ? time >= from && time <= to : time >= from || time <= to
    }
    case 'in':
      return condition.texts.some((text) => holds({ ...condition, kind: '=', text, form: 'text' }, one))
    default: {
      const meant = condition.form === 'text' ? idsMeant(condition.variable, condition.text, one) : undefined
      if (meant !== undefined && condition.form === 'text') {
        const [id] = valueOf(condition.variable.replace(/name$/, 'id'), one) ?? []
        if (id === undefined) return false
        if (condition.kind === '=') return meant.includes(id)
        const bearsIt = valueOf(condition.variable, one)?.some((name) => same(name, condition.text)) ?? false
        return !meant.includes(id) && !bearsIt
      }
      const values = valueOf(condition.variable, one)
      const others = condition.form === 'variable' ? valueOf(condition.other, one) : [condition.text]
      if (values === undefined || others === undefined) return false
      const isLike = condition.form === 'variable' ? same : fits
      const isAny = values.some((value) => others.some((other) => isLike(other, value)))
      return condition.kind === '=' ? isAny : !isAny
    }
  }
}

/** Of a name without a pattern, as of when its policy was written. */
function idsMeant(variable: string, text: string, { policy }: Case): readonly string[] | undefined {
  const then = policy?.writtenIn
  if (then === undefined || text.includes('*')) return undefined
  const named = (things: readonly { readonly id: string; readonly name: string }[]) =>
    things.filter(({ name }) => same(name, text)).map(({ id }) => id)
  if (variable === 'request.user.name') return named(then.users)
  if (variable !== 'target.compartment.name') return undefined
  return named(then.compartments).filter((id) => upwards(then.compartments, id).includes(policy?.compartmentId ?? ''))
}

/** Every variable is a set; undefined where the request has none of that name. */
function valueOf(variable: string, { principal, request, permission, compartments }: Case): string[] | undefined {
  const isUser = principal.kind === 'user'
  const moment = new Date(request.now)
  switch (variable) {
    case 'request.user.id':
      return isUser ? [principal.id] : undefined
    case 'request.user.name':
      return isUser ? [principal.name] : undefined
    case 'request.groups.id':
      return isUser ? principal.groups.map(({ id }) => id) : undefined
    case 'request.principal.id':
      return isUser ? undefined : [principal.id]
    case 'request.permission':
      return [permission]
    case 'request.operation':
      return [request.operation]
    case 'request.region':
      return [request.region, request.region === 'us-ashburn-1' ? 'iad' : request.region]
    case 'request.utc-timestamp.day-of-week':
      return [moment.toLocaleDateString('en-US', { weekday: 'long', timeZone: 'UTC' })]
    case 'request.utc-timestamp.month-of-year':
      return [String(moment.getUTCMonth() + 1)]
    case 'target.compartment.id':
      return [request.compartmentId]
    case 'target.compartment.name':
      return compartments.filter(({ id }) => id === request.compartmentId).map(({ name }) => name)
    default: {
      const given = request.variables[variable]
      return given === undefined ? undefined : typeof given === 'string' ? [given] : [...given]
    }
  }
}

/** `*` stands for any run of characters. */
function fits(pattern: string, text: string): boolean {
  if (pattern === '') return text === ''
  if (pattern.startsWith('*')) return fits(pattern.slice(1), text) || (text !== '' && fits(pattern, text.slice(1)))
  return text !== '' && same(pattern.charAt(0), text.charAt(0)) && fits(pattern.slice(1), text.slice(1))
}

function same(a: string, b: string): boolean {
  const plain = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return plain(a) === plain(b)
}
