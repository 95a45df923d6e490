import fc from 'fast-check'
import { permissionsByVerb, verbs, type Permission, type ResourceType } from '../../lib/iam/permissions.ts'
import { compartments } from './policyFixtures.ts'
import type { PlainCondition, PlainPolicy, PlainStatement } from './naiveEvaluator.ts'

/** Random policies for the two evaluators: few words, so that statements meet requests often. */

export const permissions = (Object.keys(permissionsByVerb) as ResourceType[]).flatMap((type) =>
  verbs.flatMap((verb): readonly Permission[] => permissionsByVerb[type][verb]),
)
/** Most statements and requests are about these. */
export const frequent: readonly Permission[] = ['KEY_ENCRYPT', 'KEY_READ', 'KEY_DELETE', 'VAULT_INSPECT', 'POLICY_READ']

const some = <const T>(...values: readonly T[]) => fc.constantFrom(...values)

const subject: fc.Arbitrary<PlainStatement['subject']> = fc.oneof(
  fc.record({ kind: some('any-user', 'any-group') }),
  fc.record({
    kind: some('group', 'group', 'dynamic-group'),
    names: fc.array(some('A', 'a', 'B', 'Administrators', 'No One'), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('service' as const), names: some(['s'], ['t', 'S']) }),
  fc.record({ kind: fc.constant('group id' as const), id: some('ocid1.group.oc1..a', 'ocid1.group.oc1..B') }),
)

const resource = some('keys', 'keys', 'vaults', 'policies', 'key-family', 'all-resources', 'buckets')
const set = fc.array(fc.oneof(some(...frequent), some(...permissions, 'OBJECT_READ')), { minLength: 1, maxLength: 3 })
const action: fc.Arbitrary<Pick<PlainStatement, 'verb' | 'resource' | 'permissions'>> = fc.oneof(
  fc.record({ verb: some(...verbs), resource }),
  fc.record({ permissions: set }),
  fc.record({ permissions: set, resource }),
)

const place: fc.Arbitrary<PlainStatement['place']> = fc.oneof(
  fc.record({ kind: fc.constant('tenancy' as const) }),
  fc.record({ kind: fc.constant('tenancy' as const) }),
  fc.record({ kind: fc.constant('id' as const), id: some(...compartments) }),
  fc.record({
    kind: fc.constant('path' as const),
    names: some(['ABC'], ['abc'], ['Child'], ['ABC', 'child'], ['Prod', 'Payments'], ['Prod', 'Child'], ['acme']),
  }),
)

const variable = some(
  'request.user.name',
  'request.user.id',
  'request.groups.id',
  'request.principal.id',
  'request.permission',
  'request.operation',
  'request.region',
  'request.utc-timestamp.day-of-week',
  'request.utc-timestamp.month-of-year',
  'target.compartment.id',
  'target.compartment.name',
  'target.key.id',
  'target.tags',
  'target.nothing',
)
const text = some(
  'ann',
  'Ann',
  'ocid1.group.oc1..a',
  'KEY_ENCRYPT',
  'KEY_*',
  'Encrypt',
  'iad',
  'us-*-1',
  'Wednesday',
  '7',
  'ABC',
  'prod',
  'Child',
  '*b*',
  'ocid1.key.oc1..x',
  '*',
  '',
  '**x',
  'red',
)
const moment = some('2026-07-15T12:00:00Z', '2026-07-15T11:59:59Z', '2026-07-16T00:00:00Z', '2020-01-01T00:00:00Z')
const hour = some('00:00:00Z', '06:00:00Z', '12:00:00Z', '22:00:00Z')

const { condition } = fc.letrec<{ condition: PlainCondition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record({ kind: some('=', '!='), variable, text, form: fc.constant('text' as const) }),
    fc.record({
      kind: some('=', '!='),
      variable,
      text: text.filter((each) => each !== ''),
      form: fc.constant('pattern' as const),
    }),
    fc.record({ kind: some('=', '!='), variable, other: variable, form: fc.constant('variable' as const) }),
    fc.record({ kind: fc.constant('in' as const), variable, texts: fc.array(text, { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: some('before', 'after'), at: moment }),
    fc.record({ kind: fc.constant('between' as const), from: moment, to: moment }),
    fc.record({ kind: fc.constant('hours' as const), from: hour, to: hour }),
    fc.record({ kind: some('any', 'all'), of: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
  ),
}))

const statement: fc.Arbitrary<PlainStatement> = fc
  .tuple(fc.integer({ min: 0, max: 11 }), subject, action, place, fc.option(condition, { nil: undefined, freq: 1 }))
  .map(([chance, who, what, where, when]) => ({
    isDenial: chance === 0,
    subject: who,
    ...what,
    place: where,
    ...(when === undefined ? {} : { where: when }),
  }))

export const policies: fc.Arbitrary<readonly PlainPolicy[]> = fc.array(
  fc.record({
    compartmentId: some('ocid1.tenancy.oc1..root', 'ocid1.tenancy.oc1..root', ...compartments),
    statements: fc.array(statement, { minLength: 1, maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 6, size: 'max' },
)

/** As a person would write it. */
export function written({
  isDenial,
  subject: who,
  verb,
  resource: type,
  permissions: named,
  place: at,
  where,
}: PlainStatement) {
  const action = named === undefined ? `${verb ?? ''} ${type ?? ''}` : `{${named.join(', ')}} ${type ?? ''}`
  const when = where === undefined ? '' : ` where ${writtenCondition(where)}`
  return `${isDenial ? 'Deny' : 'Allow'} ${writtenSubject(who)} to ${action} in ${writtenPlace(at)}${when}`
}

function writtenSubject(who: PlainStatement['subject']): string {
  if (who.kind === 'group id') return `group id ${who.id}`
  return 'names' in who ? `${who.kind} ${who.names.map((name) => `'${name}'`).join(', ')}` : who.kind
}

function writtenPlace(at: PlainStatement['place']): string {
  if (at.kind === 'tenancy') return 'tenancy'
  return at.kind === 'id' ? `compartment id ${at.id}` : `compartment ${at.names.join(':')}`
}

function writtenCondition(of: PlainCondition): string {
  switch (of.kind) {
    case 'any':
    case 'all':
      return `${of.kind} {${of.of.map(writtenCondition).join(', ')}}`
    case 'in':
      return `${of.variable} in (${of.texts.map((each) => `'${each}'`).join(', ')})`
    case 'before':
    case 'after':
      return `request.utc-timestamp ${of.kind} '${of.at}'`
    case 'between':
      return `request.utc-timestamp between '${of.from}' and '${of.to}'`
    case 'hours':
      return `request.utc-timestamp.time-of-day between '${of.from}' and '${of.to}'`
    default:
      if (of.form === 'variable') return `${of.variable} ${of.kind} ${of.other}`
      return `${of.variable} ${of.kind} ${of.form === 'text' ? `'${of.text}'` : `/${of.text}/`}`
  }
}
