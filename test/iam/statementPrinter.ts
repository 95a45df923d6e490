import fc from 'fast-check'
import type {
  Action,
  Condition,
  Location,
  Statement,
  Subject,
  SubjectItem,
  Test,
  Value,
} from '../../lib/iam/policyParser.js'

/** Arbitrary policy statements, and their text: the inverse of the grammar, for round trips. */

interface Style {
  /** Keywords in upper case. */
  readonly isUpper: boolean
  readonly blank: string
}

export function printStatement(statement: Statement, style: Style): string {
  const word = (text: string): string => (style.isUpper ? text.toUpperCase() : text)
  const join = (...parts: readonly (string | undefined)[]): string =>
    parts.filter((part) => part !== undefined).join(style.blank)
  const where = (condition: Condition | undefined): string | undefined =>
    condition && join(word('where'), printCondition(condition, word))
  const denial = (isDenial: boolean): string | undefined => (isDenial ? word('deny') : undefined)
  switch (statement.kind) {
    case 'define':
      return join(word('define'), word(statement.defines), quote(statement.name), word('as'), statement.ocid)
    case 'endorse': {
      const { tenancy } = statement
      const place = tenancy.kind === 'tenancy' ? join(word('tenancy'), quote(tenancy.name)) : word('any-tenancy')
      const body = join(
        printSubject(statement.subject, word),
        word('to'),
        printAction(statement.action, word),
        word('in'),
        place,
      )
      return join(denial(statement.isDenial), word('endorse'), body, where(statement.where))
    }
    case 'admit': {
      const home = join(
        word('of'),
        word('tenancy'),
        quote(statement.tenancy),
        word('to'),
        printAction(statement.action, word),
      )
      const place = statement.location && join(word('in'), printLocation(statement.location, word))
      const body = join(printSubject(statement.subject, word), home, place)
      return join(denial(statement.isDenial), word('admit'), body, where(statement.where))
    }
    default: {
      const body = join(
        printSubject(statement.subject, word),
        word('to'),
        printAction(statement.action, word),
        word('in'),
      )
      return join(word(statement.kind), body, printLocation(statement.location, word), where(statement.where))
    }
  }
}

type Word = (text: string) => string

function printSubject(subject: Subject, word: Word): string {
  if (subject.kind === 'service') return `${word('service')} ${subject.names.map(quote).join(' , ')}`
  if (!('items' in subject)) return word(subject.kind)
  return `${word(subject.kind)} ${subject.items.map((item) => printItem(item, word)).join(',')}`
}

function printItem(item: SubjectItem, word: Word): string {
  if (item.kind === 'id') return `${word('id')} ${item.ocid}`
  return item.domain === undefined ? quote(item.name) : `${quote(item.domain)}/${quote(item.name)}`
}

function printAction(action: Action, word: Word): string {
  if (action.kind === 'verb') return `${word(action.verb)} ${word(action.resource)}`
  const resource = action.resource === undefined ? '' : ` ${word(action.resource)}`
  return `{ ${action.permissions.join(', ')} }${resource}`
}

function printLocation(location: Location, word: Word): string {
  if (location.kind === 'tenancy') return word('tenancy')
  if (location.kind === 'id') return `${word('compartment')} ${word('id')} ${location.ocid}`
  return `${word('compartment')} ${location.names.map(quote).join(':')}`
}

function printCondition(condition: Condition, word: Word): string {
  switch (condition.kind) {
    case 'any':
    case 'all':
      return `${word(condition.kind)} {${condition.conditions.map((each) => printCondition(each, word)).join(', ')}}`
    case 'before':
    case 'after':
      return `${condition.variable} ${word(condition.kind)} '${condition.text}'`
    case 'between':
      return `${condition.variable} ${word('between')} '${condition.low}' ${word('and')} '${condition.high}'`
    case 'in':
      return `${condition.variable} ${word('in')} (${condition.texts.map((text) => `'${text}'`).join(', ')})`
    default:
      return `${condition.variable} ${condition.kind} ${printValue(condition.value)}`
  }
}

function printValue(value: Value): string {
  if (value.kind === 'text') return `'${value.text}'`
  return value.kind === 'pattern' ? `/${value.pattern}/` : value.name
}

function quote(name: string): string {
  return /^[\w.-]+$/.test(name) && !/^(id|ocid1\..*)$/i.test(name) ? name : `'${name}'`
}

const printable = (forbidden: string, minLength: number): fc.Arbitrary<string> =>
  fc
    .string({ minLength, maxLength: 12 })
    .map((text) => text.replaceAll(forbidden, ''))
    .filter((text) => text.length >= minLength)

const name = fc.oneof(fc.stringMatching(/^[A-Za-z0-9._-]{1,10}$/), printable("'", 1))
const ocid = fc.stringMatching(/^ocid1\.[a-z]{1,6}\.oc1\.\.[a-z2-7]{1,10}$/)
const text = printable("'", 0)
const variable = fc.stringMatching(/^[a-z]{1,6}(\.[a-zA-Z0-9-]{1,6}){0,3}$/)
const resource = fc.constantFrom('keys', 'vaults', 'all-resources', 'key-family', 'buckets')
const list = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(each, { minLength: 1, maxLength: 3 })
const records = fc.record

const item = fc.oneof(
  records({ kind: fc.constant('id' as const), ocid }),
  records({ kind: fc.constant('name' as const), name, domain: name }, { requiredKeys: ['kind', 'name'] }),
) as fc.Arbitrary<SubjectItem>

const subject: fc.Arbitrary<Subject> = fc.oneof(
  records({ kind: fc.constantFrom('any-user' as const, 'any-group' as const) }),
  records({ kind: fc.constantFrom('group' as const, 'dynamic-group' as const), items: list(item) }),
  records({ kind: fc.constant('service' as const), names: list(name) }),
)

const permission = fc.constantFrom('KEY_READ', 'VAULT_INSPECT', 'OBJECT_READ')
const action = fc.oneof(
  records({ kind: fc.constant('verb' as const), verb: fc.constantFrom('inspect', 'read', 'use', 'manage'), resource }),
  records(
    { kind: fc.constant('permissions' as const), permissions: list(permission), resource },
    { requiredKeys: ['kind', 'permissions'] },
  ),
) as fc.Arbitrary<Action>

const location: fc.Arbitrary<Location> = fc.oneof(
  records({ kind: fc.constant('tenancy' as const) }),
  records({ kind: fc.constant('id' as const), ocid }),
  records({ kind: fc.constant('path' as const), names: list(name) }),
)

const value: fc.Arbitrary<Value> = fc.oneof(
  records({ kind: fc.constant('text' as const), text }),
  records({ kind: fc.constant('pattern' as const), pattern: printable('/', 1) }),
  records({ kind: fc.constant('variable' as const), name: variable }),
)

const singleTest: fc.Arbitrary<Test> = fc.oneof(
  records({ kind: fc.constantFrom('=' as const, '!=' as const), variable, value }),
  records({ kind: fc.constantFrom('before' as const, 'after' as const), variable, text }),
  records({ kind: fc.constant('between' as const), variable, low: text, high: text }),
  records({ kind: fc.constant('in' as const), variable, texts: list(text) }),
)

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    singleTest,
    records({ kind: fc.constantFrom('any' as const, 'all' as const), conditions: list(tie('condition')) }),
  ),
}))

const isDenial = fc.boolean()
const tenancy = fc.oneof(
  records({ kind: fc.constant('any-tenancy' as const) }),
  records({ kind: fc.constant('tenancy' as const), name }),
)

export const statements = fc.oneof(
  records(
    { kind: fc.constantFrom('allow' as const, 'deny' as const), subject, action, location, where: condition },
    { requiredKeys: ['kind', 'subject', 'action', 'location'] },
  ),
  records(
    { kind: fc.constant('endorse' as const), isDenial, subject, action, tenancy, where: condition },
    { requiredKeys: ['kind', 'isDenial', 'subject', 'action', 'tenancy'] },
  ),
  records(
    { kind: fc.constant('admit' as const), isDenial, subject, tenancy: name, action, location, where: condition },
    { requiredKeys: ['kind', 'isDenial', 'subject', 'tenancy', 'action'] },
  ),
  records({
    kind: fc.constant('define' as const),
    defines: fc.constantFrom('tenancy' as const, 'group' as const, 'dynamic-group' as const, 'compartment' as const),
    name,
    ocid,
  }),
) as fc.Arbitrary<Statement>
