import type { EncryptionContext } from '../../../lib/aws/kms/keyService.ts'

/** As templates have them; references to the account, the region and other resources are resolved here. */
export interface PolicyStatement {
  readonly Effect: string
  readonly Principal?: unknown
  readonly Action: string | readonly string[]
  readonly Resource: unknown
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export interface KeyCall {
  /** The ARN of the caller's role or user. */
  readonly principal: string
  readonly action: string
  /** The key's logical id in the template. */
  readonly key: string
  readonly context: EncryptionContext
}

export interface Policies {
  readonly ofPrincipal: readonly PolicyStatement[]
  readonly ofKey: readonly PolicyStatement[]
}

export const account = '111122223333'
const root = `arn:aws:iam::${account}:root`

/**
 * Whether AWS would let a principal of the account use a key: where its key policy leaves it to the account's policies, and
 * those allow it, and neither denies. An operator that is not known here is an error, not a guess.
 */
export function mayUseKey(call: KeyCall, { ofPrincipal, ofKey }: Policies, region: string): boolean {
  const matching = (statements: readonly PolicyStatement[], isOfKey: boolean) =>
    statements.filter((each) => matches(each, call, region, isOfKey)).map(({ Effect }) => Effect)
  const [theirs, its] = [matching(ofPrincipal, false), matching(ofKey, true)]
  return theirs.includes('Allow') && its.includes('Allow') && ![...theirs, ...its].includes('Deny')
}

function matches(statement: PolicyStatement, call: KeyCall, region: string, isOfKey: boolean): boolean {
  const actions = [statement.Action].flat()
  const resources = [statement.Resource].flat().map((each) => resolved(each, region))
  return (
    (actions.includes('*') || actions.includes(call.action)) &&
    (resources.includes('*') || resources.includes(call.key)) &&
    (!isOfKey || isAnybodyOfTheAccount(statement.Principal, region)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, tests]) =>
      Object.entries(tests).every(([name, values]) => holds(operator, valueOf(call, name), texts(values, region))),
    )
  )
}

function isAnybodyOfTheAccount(principal: unknown, region: string): boolean {
  const { AWS } = principal as { AWS?: unknown }
  if (AWS === '*' || resolved(AWS, region) === root) return true
  throw new Error(`The principal ${JSON.stringify(principal)} is not known here.`)
}

const contextKey = 'kms:EncryptionContext:'

function valueOf({ principal, context }: KeyCall, name: string): string | undefined {
  if (name === 'aws:PrincipalArn') return principal
  if (name.startsWith(contextKey)) return context[name.slice(contextKey.length)]
  throw new Error(`The condition key ${name} is not known here.`)
}

function holds(operator: string, value: string | undefined, wanted: readonly string[]): boolean {
  switch (operator) {
    case 'ArnEquals':
    case 'StringEquals':
      return value !== undefined && wanted.includes(value)
    case 'ArnNotEquals':
      return value === undefined || !wanted.includes(value)
    case 'StringLike':
      return value !== undefined && wanted.some((pattern) => isLike(value, pattern))
    case 'StringNotLike':
      return value === undefined || !wanted.some((pattern) => isLike(value, pattern))
    case 'Null':
      return wanted.every((text) => (value === undefined) === (text === 'true'))
    default:
      throw new Error(`The operator ${operator} is not known here.`)
  }
}

/** With one * at the end, which is all that is used. */
function isLike(value: string, pattern: string): boolean {
  return value.startsWith(pattern.replace(/\*$/, ''))
}

function texts(values: unknown, region: string): readonly string[] {
  return [values].flat().map((each) => resolved(each, region))
}

/** A text, a reference to it, or the logical id of the resource whose ARN is meant. */
function resolved(value: unknown, region: string): string {
  if (typeof value === 'string') return value
  const { Ref, 'Fn::Sub': sub, 'Fn::GetAtt': attribute } = value as Readonly<Record<string, unknown>>
  if (Ref === 'AWS::Region') return region
  if (Array.isArray(attribute) && attribute[1] === 'Arn') return String(attribute[0])
  if (typeof sub !== 'string') throw new Error(`${JSON.stringify(value)} is not known here.`)
  return sub
    .replaceAll('${AWS::Partition}', 'aws')
    .replaceAll('${AWS::AccountId}', account)
    .replaceAll('${AWS::Region}', region)
}
